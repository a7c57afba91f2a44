// Copyright 2026 the @ipc/barrier authors. MIT license.

import { PYTHON } from "./programs.ts";
import type { CommandLine } from "./run.ts";

/** What Ctrl-C types. */
export const CTRL_C = "\x03";

const python = Deno.build.os === "windows" ? undefined : PYTHON;

/** Whether programs can be run in a terminal here. */
export const hasTerminal: boolean = python !== undefined;

/** A program in a terminal of its own, as a person runs it. */
export class Terminal implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #output = "";

  constructor(
    command: CommandLine,
    options?: Pick<Deno.CommandOptions, "cwd" | "env">,
  ) {
    const script = new URL("../testdata/terminal.py", import.meta.url).pathname;
    const [program, ...args] = python!;
    this.#process = new Deno.Command(program, {
      args: [...args, script, ...command],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
      ...options,
    }).spawn();
    this.#reader = this.#process.stdout.getReader();
    this.#writer = this.#process.stdin.getWriter();
  }

  /** What has appeared and was read, with the line ends of a program. */
  get output(): string {
    return this.#output.replaceAll("\r\n", "\n");
  }

  /** Reads until a text has appeared, or has so often. */
  async until(text: string, times = 1): Promise<void> {
    while (this.output.split(text).length <= times) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`No "${text}" in: ${this.output}`);
      this.#output += this.#decoder.decode(value, { stream: true });
    }
  }

  /** Types something, such as {@linkcode CTRL_C}. */
  async type(text: string): Promise<void> {
    try {
      await this.#writer.write(new TextEncoder().encode(text));
    } catch {
      // The program has just ended.
    }
  }

  /** Closes the terminal, as closing a window does. */
  async close(): Promise<void> {
    await this.#writer.close();
  }

  /** Waits until the program has ended, and returns how. */
  async ended(): Promise<Deno.CommandStatus> {
    for (let done = false; !done;) {
      const result = await this.#reader.read();
      done = result.done;
      this.#output += this.#decoder.decode(result.value, { stream: !done });
    }
    return await this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#process.status;
    await this.#reader.cancel();
    await this.#writer.abort().catch(() => {});
  }
}
