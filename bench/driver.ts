// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * The processes that measure.
 *
 * @module
 */

/** Where a driver and what it starts may run. */
export type Placement = "two cores" | "one core";

/** Those that are possible here. */
export const PLACEMENTS: Placement[] = runs("taskset", "-c", core(), "true")
  ? ["two cores", "one core"]
  : ["two cores"];

/** A core that this process may use. */
function core(): string {
  if (Deno.build.os !== "linux") return "0";
  const status = Deno.readTextFileSync("/proc/self/status");
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(status)?.[1] ?? "0";
}

/** How to start a driver. */
export interface DriverOptions {
  placement?: Placement;
  /** Whether another process reads the driver's stdout, which is else dropped. */
  drained?: boolean;
}

/** The words that run a module of this directory. */
export function deno(module: string, ...args: string[]): string[] {
  return [Deno.execPath(), "run", "--allow-all", path(module), ...args];
}

/** The path of a file of this directory. */
export function path(file: string): string {
  return `${import.meta.dirname}/${file}`;
}

/**
 * After how many milliseconds a driver that does not answer is given up. Two that
 * start 200 children each can take more than a minute.
 */
const TIMEOUT = 300_000;

/** A process that measures. `serve.mjs` is what it runs. */
export class Driver implements AsyncDisposable {
  readonly #name: string;
  readonly #process: Deno.ChildProcess;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(words: string[], options: DriverOptions = {}) {
    const { placement = "two cores", drained = false } = options;
    if (drained) words = ["sh", "-c", '"$@" | cat >/dev/null', "sh", ...words];
    if (placement === "one core") words = ["taskset", "-c", core(), ...words];
    this.#name = words.join(" ");
    this.#process = new Deno.Command(words[0]!, {
      args: words.slice(1),
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#requests = this.#process.stdin.getWriter();
    this.#answers = this.#process.stderr
      .pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Has the driver measure something, and returns the figures. */
  async measure(...request: (string | number)[]): Promise<number[]> {
    const timer = setTimeout(() => this.#process.kill(), TIMEOUT);
    const line = `${request.join(" ")}\n`;
    await this.#requests.write(new TextEncoder().encode(line))
      .catch(() => {}); // if the driver has exited, reading its answer says why
    while (!this.#text.includes("\n")) {
      const { value, done } = await this.#answers.read();
      if (done) break;
      this.#text += value;
    }
    clearTimeout(timer);
    const end = this.#text.indexOf("\n") + 1;
    const figures = this.#text.slice(0, end).trim().split(" ").map(Number);
    if (end === 0 || figures.some(Number.isNaN)) {
      await this.#requests.abort().catch(() => {});
      for await (const text of rest(this.#answers)) this.#text += text;
      throw new Error(`Cannot measure by "${this.#name}": ${this.#text}`);
    }
    this.#text = this.#text.slice(end);
    return figures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#requests.close();
    await this.#answers.cancel();
    await this.#process.status;
  }
}

async function* rest(
  reader: ReadableStreamDefaultReader<string>,
): AsyncGenerator<string> {
  for (let next; !(next = await reader.read()).done;) yield next.value;
}

/** Says why a module cannot run, if what it takes from npm is out of reach. */
export function unlessInReach(module: string): string | undefined {
  return runs(Deno.execPath(), "cache", "--quiet", path(module))
    ? undefined
    : "it is not in reach";
}

/** Says why a program cannot run, if it is not there. */
export function unlessInstalled(program: string): string | undefined {
  return runs(program, "--version") ? undefined : "it is not installed";
}

/** Whether a program is there and succeeds. */
export function runs(program: string, ...args: string[]): boolean {
  try {
    const command = new Deno.Command(program, { args, stdout: "null" });
    return command.outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
