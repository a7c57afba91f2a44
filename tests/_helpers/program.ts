// Copyright 2026 the @ipc/barrier authors. MIT license.

import { type CommandLine, start } from "./run.ts";
import { dataUrl, json, readUntil } from "./scripts.ts";

const SPAWN = json(import.meta.resolve("../../spawn.ts"));
const SIGNALS = json(import.meta.resolve("../../src/spawn/signals.ts"));
const RUN_MAIN = json(import.meta.resolve("../../src/spawn/run_main.ts"));

/** What a program needs to register children that print what is asked of them. */
const PRELUDE = `
  import { spawnWithBarrier } from ${SPAWN};
  import { isInterrupted, registerChild } from ${SIGNALS};
  import { runMain } from ${RUN_MAIN};

  function child(label, { ends = true, stop = async () => {}, isStopping } = {}) {
    const remove = registerChild({
      label,
      isStopping: isStopping ?? ends,
      async stop() {
        console.log("stop", label);
        await stop();
        remove();
        console.log("stopped", label);
      },
      signalStop: () => console.log("signal", label),
      kill: () => console.log("kill", label),
    }, ends);
    return remove;
  }
  /** Keeps the program alive. */
  const run = () => setInterval(() => {}, 1_000);
  const never = () => new Promise(() => {});
  /** Resolves when a signal is aborted. */
  const aborted = (signal) => new Promise((resolve) => {
    signal.addEventListener("abort", resolve);
  });
`;

/** What a program printed last, and how it ended. */
interface End {
  rest: string;
  errors: string;
  status: Deno.CommandStatus;
}

/** A program that runs until a test ends it. */
export class Program implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #stdout: ReadableStreamDefaultReader<Uint8Array>;
  readonly #stderr: ReadableStreamDefaultReader<Uint8Array>;

  constructor(body: string, flags: readonly string[] = ["--allow-all"]) {
    const module = dataUrl(`${PRELUDE} ${body}`);
    const command: CommandLine = [Deno.execPath(), "run", ...flags, module];
    this.#process = start(command, {
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
