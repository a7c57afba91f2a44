// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Programs by name. Each is called with the arguments that follow its name. */
export type Programs = Record<string, (...args: string[]) => unknown>;

/** Runs the one of several programs that the first argument names. */
export async function main(programs: Programs): Promise<void> {
  const [name = "", ...args] = Deno.args;
  const program = programs[name];
  if (program === undefined) {
    throw new TypeError(
      `Cannot run a program: the first argument must name one, received "${name}"`,
    );
  }
  await program(...args);
}
