// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  deno,
  path,
  type Placement,
  PLACEMENTS,
  runs,
  unlessInReach,
  unlessInstalled,
} from "./driver.ts";
import { compare, row, type Variant } from "./harness.ts";
import type { Benchmark, Size, Table } from "./table.ts";

/** How the two sides take turns. */
type Way = "strict" | "step";

const TITLES: Record<Way, string> = {
  strict: "Round trip, strict ping-pong",
  step: "Round trip, in step",
};
const ABOUT: Record<Way, string> = {
  strict: "One side sends, the other answers when it has received: `place()` " +
    "and `waitNext()` here, `waitNext()` and `place()` there.",
  step: "Both sides send and then wait for the other's: `placeAndSync()`.",
};
const PINNED: Record<Placement, string> = {
  "two cores": "The system decides where the two processes run.",
  "one core": "`taskset` pins both to one core, so that no core has to be " +
    "woken and no clock speeds up: what is left is their work alone, and " +
    "repeats best.",
};

/** Round trips between two processes, both ways, on both cores and on one. */
export function roundTrips(): Benchmark[] {
  return (["strict", "step"] as const).flatMap((way) =>
    PLACEMENTS.map((placement) => ({
      title: `${TITLES[way]}, ${placement}`,
      short: placement === "one core",
      measure: (size: Size) => measure(way, placement, size),
    }))
  );
}

async function measure(
  way: Way,
  placement: Placement,
  size: Size,
): Promise<Omit<Table, "title">> {
  using directory = new TempDir();
  const whole = size === "whole";
  const count = whole ? 1_000 : 500;
  const compared = await compare(
    variants(way, directory.path).filter(({ short }) => short || whole),
    {
      placement,
      starts: whole ? 5 : 3,
      sweeps: whole ? 6 : 4,
      warmUp: [3_000], // compiles what is hot
      request: [count],
    },
  );
  return {
    about: `${ABOUT[way]} ${PINNED[placement]}`,
    columns: ["ratio", "time"],
    rows: compared.map((variant) => row(variant, "µs", 1_000 / count)),
  };
}

/** The variants; all others are compared with the first. */
function variants(way: Way, directory: string): Variant[] {
  const words = (file: string, ...args: string[]) =>
    deno(`round_trip/${file}`, way, ...args);
  const fork = path("round_trip/fork.mjs");
  return [
    { name: "node:net by hand", words: words("by_hand.ts"), short: true },
    { name: 'ours, "fd"', words: words("barrier.ts", "fd"), short: true },
    { name: 'ours, "stdio"', words: words("barrier.ts", "stdio"), short: true },
    { name: "ours, Deno.Conn", words: words("barrier.ts", "conn") },
    { name: "C, eventfd and poll", ...compile(way, directory) },
    { name: "fork(), Deno", words: words("fork.mjs"), short: true },
    {
      name: "fork(), Node",
      words: ["node", fork, way],
      missing: unlessInstalled("node"),
    },
    {
      name: "execa, Deno",
      words: words("execa.ts"),
      short: true,
      missing: unlessInReach("round_trip/execa.ts"),
    },
    { name: "Deno.Command", words: words("command.ts"), short: true },
    { name: "postMessage(), worker", words: words("worker.ts") },
  ];
}

function compile(way: Way, directory: string): Omit<Variant, "name"> {
  const program = `${directory}/barrier`;
  const source = path("round_trip/barrier.c");
  const compiled = runs("gcc", "-O2", "-o", program, source);
  return {
    words: [program, way],
    missing: compiled ? undefined : "gcc cannot compile it here",
  };
}

class TempDir implements Disposable {
  readonly path: string = Deno.makeTempDirSync();

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
