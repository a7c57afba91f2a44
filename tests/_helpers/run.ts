// Copyright 2026 the @ipc/barrier authors. MIT license.

/** A program, and its arguments. */
export type CommandLine = readonly [program: string, ...args: string[]];

/** What a program has come to. */
export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

/** Starts a program. Where no option says otherwise, its streams are piped. */
export function start(
  [program, ...args]: CommandLine,
  options?: Omit<Deno.CommandOptions, "args">,
): Deno.ChildProcess {
  return new Deno.Command(program, {
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    ...options,
    args,
  }).spawn();
}

/** Runs a program that reads nothing to its end. */
export async function run(
  command: CommandLine,
  options?: Omit<Deno.CommandOptions, "args" | "stdin" | "stdout" | "stderr">,
): Promise<Output> {
  return await outputOf(start(command, { ...options, stdin: "null" }));
}

/** Waits for the end of a program whose streams are piped. */
export async function outputOf(process: Deno.ChildProcess): Promise<Output> {
  const { code, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}
