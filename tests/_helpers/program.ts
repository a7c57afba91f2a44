// Copyright 2026 the @ipc/barrier authors. MIT license.

import { start } from "./run.ts";
import { readUntil, testdataCommand } from "./scripts.ts";

/** What a program printed last, and how it ended. */
interface End {
  rest: string;
  errors: string;
  status: Deno.CommandStatus;
}

/** A program of `tests/testdata` that runs until a test ends it. */
export class Program implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #stdout: ReadableStreamDefaultReader<Uint8Array>;
  readonly #stderr: ReadableStreamDefaultReader<Uint8Array>;

  constructor(
    name: string,
    args: readonly string[],
    flags?: readonly string[],
  ) {
    this.#process = start(testdataCommand(name, args, flags), {
      stdin: "null",
      env: { NO_COLOR: "1" },
    });
    this.#stdout = this.#process.stdout.getReader();
    this.#stderr = this.#process.stderr.getReader();
  }

  /** Reads until a text was printed, and returns what was printed up to it. */
  until(text: string): Promise<string> {
    return readUntil(this.#stdout, text);
  }

  /** Reads until a text was printed to stderr, and returns that up to it. */
  errorsUntil(text: string): Promise<string> {
    return readUntil(this.#stderr, text);
  }

  /** Reads the rest, and returns it and how the program has ended. */
  async ended(): Promise<End> {
    const [rest, errors] = await Promise.all([
      this.until("\0"),
      this.errorsUntil("\0"),
    ]);
    return { rest, errors, status: await this.#process.status };
  }

  /** Sends a signal once it has printed `running`, and reads the rest. */
  async endedBy(signal: Deno.Signal): Promise<End> {
    await this.until("running\n");
    this.kill(signal);
    return await this.ended();
  }

  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Resolves when the program has ended. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await Promise.all([this.#stdout.cancel(), this.#stderr.cancel()]);
    await this.#process.status;
  }
}

/** Sends a signal again and again, until a program ends. */
export async function insist(
  program: Program,
  signal: Deno.Signal,
): Promise<void> {
  const timer = setInterval(() => {
    try {
      program.kill(signal);
    } catch {
      // It has just ended.
    }
  }, 50);
  await program.status;
  clearInterval(timer);
}
