// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Examples that run until they are stopped. */

import { readUntil } from "./scripts.ts";
import { json } from "./scripts.ts";
import { TempDir } from "./temp_dir.ts";

/** The examples, and what each prints when everything in it is ready. */
export const READY = {
  "services.ts": "Visit 1",
  "dev.ts": "Open http",
} as const;

/** An example that runs in a directory of its own. */
export class RunningExample implements AsyncDisposable {
  readonly #directory: TempDir;
  readonly #process: Deno.ChildProcess;
  readonly #stdout: ReadableStreamDefaultReader<Uint8Array>;
  readonly #stderr: Promise<string>;

  private constructor(directory: TempDir, process: Deno.ChildProcess) {
    this.#directory = directory;
    this.#process = process;
    this.#stdout = process.stdout.getReader();
    this.#stderr = readUntil(process.stderr.getReader(), "\0");
  }

  /** Copies an example, and starts it as its header says. */
  static async start(name: keyof typeof READY): Promise<RunningExample> {
    const directory = await TempDir.make();
    const { path } = directory;
    const examples = new URL("../../examples/", import.meta.url);
    await Deno.mkdir(`${path}/site`);
    await Deno.mkdir(`${path}/tmp`);
    // PostgreSQL does not run as root.
    await Deno.chmod(path, 0o755);
    await Deno.chmod(`${path}/tmp`, 0o777);
    await Deno.copyFile(new URL(name, examples), `${path}/${name}`);
    for await (const file of Deno.readDir(new URL("site/", examples))) {
      if (!file.isFile) continue;
      const url = new URL(`site/${file.name}`, examples);
      await Deno.copyFile(url, `${path}/site/${file.name}`);
    }
    const imports = { "@ipc/barrier": import.meta.resolve("../../mod.ts") };
    await Deno.writeTextFile(`${path}/deno.json`, json({ imports }));
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", name],
      cwd: path,
      env: { TMPDIR: `${path}/tmp`, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return new RunningExample(directory, process);
  }

  /** Reads until a text was printed, and returns what was printed up to it. */
  until(text: string): Promise<string> {
    return readUntil(this.#stdout, text);
  }

  kill(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch {
      // It has ended.
    }
  }

  /** Reads the rest, and returns it and how the example has ended. */
  async ended(): Promise<
    { rest: string; errors: string; status: Deno.CommandStatus }
  > {
    const rest = await this.until("\0");
    const errors = await this.#stderr;
    return { rest, errors, status: await this.#process.status };
  }

  /** The processes that the example has started and that run. */
  async processes(): Promise<{ pid: number; command: string }[]> {
    const path = await Deno.realPath(this.#directory.path);
    const found = [];
    for await (const { name } of Deno.readDir("/proc")) {
      const pid = Number(name);
      if (!(pid > 0) || pid === this.#process.pid) continue;
      const command = (await Deno.readTextFile(`/proc/${pid}/cmdline`)
        .catch(() => "")).replaceAll("\0", " ");
      const cwd = await Deno.readLink(`/proc/${pid}/cwd`).catch(() => "");
      if (cwd.startsWith(path) || command.includes(path)) {
        found.push({ pid, command });
      }
    }
    return found;
  }

  /** What is left of the example: processes, and its temporary files. */
  async leftovers(): Promise<string[]> {
    const commands = (await this.processes()).map(({ command }) => command);
    for await (const { name } of Deno.readDir(`${this.#directory.path}/tmp`)) {
      // Other programs keep caches there.
      if (!/^(?:node-compile-cache|v8-compile-cache|deno)/.test(name)) {
        commands.push(name);
      }
    }
    return commands;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    for (const { pid } of await this.processes()) Deno.kill(pid, "SIGKILL");
    await this.#process.status;
    await this.#stdout.cancel();
    await this.#stderr;
    await this.#directory[Symbol.asyncDispose]();
  }
}

async function measureDuration(name: keyof typeof READY): Promise<number> {
  const begin = performance.now();
  await using run = await RunningExample.start(name);
  await run.until(READY[name]);
  run.kill("SIGTERM");
  await run.ended();
  return performance.now() - begin;
}

/** How an example is stopped at random moments. */
export interface StopsOptions {
  example: keyof typeof READY;
  count: number;
  /**
   * How long, in milliseconds, it takes to become ready and to stop. Without it,
   * that is measured.
   */
  duration?: number | undefined;
  /** Gives the moments: a number from 0 to 1. */
  random(): number;
  log?(line: string): void;
}

/**
 * Starts an example again and again, and stops it by a signal at a random moment
 * between its start and shortly after it is ready.
 *
 * @throws {Error} If anything is left of it.
 */
export async function checkStops(
  { example, count, duration, random, log = () => {} }: StopsOptions,
): Promise<void> {
  duration ??= await measureDuration(example);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (let i = 0; i < count; i++) {
    const signal = signals[Math.floor(random() * signals.length)]!;
    const moment = Math.round(random() * duration);
    await using run = await RunningExample.start(example);
    await new Promise((resolve) => setTimeout(resolve, moment));
    run.kill(signal);
    const { rest, errors, status } = await run.ended();
    const leftovers = await run.leftovers();
    const how = `${example} at ${signal} after ${moment} ms`;
    log(`${how}: ${JSON.stringify(status)}`);
    if (leftovers.length > 0 || status.signal !== signal) {
      throw new Error(
        `${how} ended with ${JSON.stringify(status)} and left ${
          JSON.stringify(leftovers)
        }, having printed ${rest} and ${errors}`,
      );
    }
  }
}
