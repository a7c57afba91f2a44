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

import { Driver, type DriverOptions } from "./driver.ts";
import { spread } from "./spread.ts";
import type { Figure, Row } from "./table.ts";

/** What is compared with others. */
export interface Variant {
  name: string;
  /** The driver's words. */
  words: string[];
  /** What to ask it for; by default what all others are asked for. */
  request?: (string | number)[];
  /** Whether the short form measures it, too. */
  short?: boolean;
  /** Why it cannot be measured here, if that is so. */
  missing?: string | undefined;
}

/** How to compare. */
export interface CompareOptions extends DriverOptions {
  /** How often to start the drivers. */
  starts: number;
  /** How many blocks to measure each time. */
  sweeps: number;
  /** What a driver is asked for, and what for before it counts. */
  request: (string | number)[];
  warmUp?: (string | number)[];
}

/** Compares variants, each in a process of its own, with the first of them. */
export async function compare(
  variants: Variant[],
  options: CompareOptions,
): Promise<Compared[]> {
  const compared = variants.map((variant): Compared => ({
    ...variant,
    times: [],
    ratios: [],
  }));
  const present = compared.filter(({ missing }) => missing === undefined);
  for (let start = 0; start < options.starts; start++) {
    await using drivers = new AsyncDisposableStack();
    const blocks: Measurement[] = [];
    for (const { words, request = options.request } of present) {
      const driver = drivers.use(new Driver(words, options));
      await driver.measure(...options.warmUp ?? request);
      blocks.push(async () => (await driver.measure(...request))[0]!);
    }
    await interleave(blocks, present, options.sweeps);
  }
  return compared;
}

/** What came of a variant: its times, and their ratios to the peer's. */
export interface Series {
  times: number[];
  ratios: number[];
}

/** A variant that was compared. */
export interface Compared extends Variant, Series {}

/** Measures something once; the result is a time, or another cost. */
export type Measurement = () => Promise<number>;

/**
 * Measures the first of some things in turns with each of the others. Each block
 * of another one stands next to a block of the first, and the ratio of the two
 * is what counts. The order is turned around each time.
 */
export async function interleave(
  [peer, ...others]: Measurement[],
  [peerSeries, ...series]: Series[],
  sweeps: number,
): Promise<void> {
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const order = [...others.keys()];
    if (sweep % 2 === 1) order.reverse();
    for (let i = 0; i < order.length; i += 2) {
      const [left, right] = [order[i]!, order[i + 1]];
      const leftTime = await others[left]!();
      const peerTime = await peer!();
      add(peerSeries!, peerTime, peerTime);
      add(series[left]!, leftTime, peerTime);
      if (right !== undefined) {
        add(series[right]!, await others[right]!(), peerTime);
      }
    }
  }
}

function add({ times, ratios }: Series, time: number, peerTime: number): void {
  times.push(time);
  ratios.push(time / peerTime);
}

/** The row of what was compared: its ratio, and its time in another unit. */
export function row(
  { name, missing, times, ratios }: Compared,
  unit: Figure["unit"],
  scale = 1,
): Row {
  if (missing !== undefined) return { name, figures: { ratio: missing } };
  return {
    name,
    figures: {
      ratio: { unit: "ratio", ...spread(ratios) },
      time: { unit, ...spread(times.map((time) => time * scale)) },
    },
  };
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
