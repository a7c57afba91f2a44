// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * What every benchmark here is made of. What is measured runs in processes of
 * its own, the drivers. They are all there at once and measure in turns, so
 * that whatever else the machine does slows all of them; each is started anew
 * several times, as two processes that run the same code differ by what the
 * compiler made of it.
 *
 * @module
 */

/** The median of some values, and their quartiles. */
export interface Spread {
  median: number;
  lower: number;
  upper: number;
}

/** Sums values up. */
export function spread(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(part * sorted.length)]!;
  return { median: at(0.5), lower: at(0.25), upper: at(0.75) };
}

/** Where a driver and what it starts may run. */
export type Placement = "two cores" | "one core";

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

/** A process that measures. `serve.mjs` is what it runs. */
export class Driver implements AsyncDisposable {
  readonly #name: string;
  readonly #process: Deno.ChildProcess;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(words: string[], options: DriverOptions = {}) {
    const { placement = "two cores", drained = false } = options;
    if (placement === "one core") words = ["taskset", "-c", "0", ...words];
    if (drained) words = ["sh", "-c", '"$@" | cat >/dev/null', "sh", ...words];
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
    const line = `${request.join(" ")}\n`;
    await this.#requests.write(new TextEncoder().encode(line))
      .catch(() => {}); // of a driver that is gone, the answer tells why
    while (!this.#text.includes("\n")) {
      const { value, done } = await this.#answers.read();
      if (done) break;
      this.#text += value;
    }
    const end = this.#text.indexOf("\n") + 1;
    const figures = this.#text.slice(0, end).trim().split(" ").map(Number);
    if (end === 0 || figures.some(Number.isNaN)) {
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

/** Measures something once; the result is a time. */
export type Measurement = () => Promise<number>;

/** What came of one variant: its times, and their ratios to the peer's. */
export interface Series {
  times: number[];
  ratios: number[];
}

/**
 * Measures variants in turns with a peer. Each block of a variant stands next to
 * a block of the peer, and the ratio of the two is what counts: a b, b a, ...
 *
 * @param peer What the others are compared with.
 * @param variants The others.
 * @param sweeps How many blocks of each variant to measure.
 * @param results Where the results go, one for the peer and for each variant.
 */
export async function interleave(
  peer: Measurement,
  variants: Measurement[],
  sweeps: number,
  results: { peer: Series; variants: Series[] },
): Promise<void> {
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const order = variants.keys().toArray();
    if (sweep % 2 === 1) order.reverse();
    for (let i = 0; i < order.length; i += 2) {
      const left = order[i]!;
      const right = order[i + 1];
      const leftTime = await variants[left]!();
      const peerTime = await peer();
      add(results.peer, peerTime, peerTime);
      add(results.variants[left]!, leftTime, peerTime);
      if (right === undefined) continue;
      add(results.variants[right]!, await variants[right]!(), peerTime);
    }
  }
}

function add({ times, ratios }: Series, time: number, peerTime: number): void {
  times.push(time);
  ratios.push(time / peerTime);
}
