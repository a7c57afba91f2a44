// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * What every benchmark here is made of. What is measured runs in processes of
 * its own, the drivers. They all run at the same time and measure in turns, so
 * that whatever else the machine does slows all of them; each is started anew
 * several times, as two processes that run the same code differ by what the
 * compiler made of it.
 *
 * @module
 */

import { Driver, type DriverOptions } from "./driver.ts";
import type { Figure, Row } from "./table.ts";

/** What is compared with others. */
export interface Variant {
  name: string;
  /** The driver's words. */
  words: string[];
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
  /** What a driver is asked for. */
  request: (string | number)[];
  /** What it is asked for before it counts; by default the same. */
  warmUp?: (string | number)[] | "none";
}

/** Compares variants, each in a process of its own, with the first of them. */
export async function compare(
  variants: Variant[],
  options: CompareOptions,
): Promise<Compared[]> {
  const { starts, sweeps, request, warmUp } = options;
  const compared = variants.map((variant): Compared => ({
    ...variant,
    times: [],
    ratios: [],
  }));
  const present = compared.filter(({ missing }) => missing === undefined);
  for (let start = 0; start < starts; start++) {
    await using drivers = new AsyncDisposableStack();
    const blocks: Measurement[] = [];
    for (const { words } of present) {
      const driver = drivers.use(new Driver(words, options));
      if (warmUp !== "none") await driver.measure(...warmUp ?? request);
      blocks.push(async () => (await driver.measure(...request))[0]!);
    }
    await interleave(blocks, present, sweeps);
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
      ratio: figure("ratio", ratios),
      time: figure(unit, times.map((time) => time * scale)),
    },
  };
}

/** Compares two things in this process; the row has nanoseconds a round. */
export async function versusHere(
  name: string,
  { ours, peer, rounds, sweeps }: {
    ours: Measurement;
    peer: Measurement;
    rounds: number;
    sweeps: number;
  },
): Promise<Row> {
  for (let i = 0; i < 3; i++) { // compiles what is hot
    await ours();
    await peer();
  }
  const series = () => ({ times: [], ratios: [] });
  const [peerSeries, oursSeries]: Series[] = [series(), series()];
  await interleave([peer, ours], [peerSeries!, oursSeries!], sweeps);
  const each = (ms: number) => ms * 1_000_000 / rounds;
  return {
    name,
    figures: {
      "ratio": figure("ratio", oursSeries!.ratios),
      "ours": figure("ns", oursSeries!.times.map(each)),
      "theirs": figure("ns", peerSeries!.times.map(each)),
    },
  };
}

/** Sums values up. */
export function figure(unit: Figure["unit"], values: number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(part * sorted.length)]!;
  return { unit, median: at(0.5), lower: at(0.25), upper: at(0.75) };
}
