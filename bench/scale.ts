// Copyright 2026 the @ipc/barrier authors. MIT license.

import { Driver, path } from "./driver.ts";
import { figure, interleave, type Series } from "./harness.ts";
import type { Benchmark, Row, Size, Table } from "./table.ts";

const COUNTS = [1, 10, 50, 200];

/** Phases over many children: time, and what each costs the parent. */
export function scale(): Benchmark[] {
  return [{ title: "Phases over many children", short: false, measure }];
}

async function measure(_size: Size): Promise<Omit<Table, "title">> {
  const rows: Row[] = [];
  for (const count of COUNTS) rows.push(await row(count));
  return {
    about: "In a phase the parent and all children wait for one another: by " +
      "`placeAndSync()`, and by hand by a byte each way over `node:net`. Times " +
      "are those of one phase by the number of children. The parent's memory " +
      "is what each child added to its resident set.",
    columns: [
      ...["ratio", "ours", "by hand", "CPU, ours", "CPU, by hand"],
      ...["memory, ours", "memory, by hand", "memory over that"],
    ],
    rows,
  };
}

async function row(count: number): Promise<Row> {
  const ours: Costs = { times: [], ratios: [], usages: [], sizes: [] };
  const byHand: Costs = { times: [], ratios: [], usages: [], sizes: [] };
  const phases = Math.ceil(500 / count);
  for (let start = 0; start < 3; start++) {
    await using peer = startDriver("by_hand.ts", count);
    await using driver = startDriver("barrier.ts", count);
    if (count > 1) {
      byHand.sizes.push((await peer.measure("memory"))[0]!);
      ours.sizes.push((await driver.measure("memory"))[0]!);
    }
    const blocks = [[peer, byHand], [driver, ours]] as const;
    for (const [driver] of blocks) await driver.measure("phases", 6 * phases);
    await interleave(
      blocks.map(([driver, { usages }]) => async () => {
        const [time, usage] = await driver.measure("phases", phases);
        usages.push(usage!);
        return time!;
      }),
      [byHand, ours],
      8,
    );
  }
  const times = (values: number[]) =>
    figure("µs", values.map((value) => value * 1_000 / (phases * count)));
  const sizes = (values: number[]) =>
    figure("KiB", values.map((value) => value / 1_024));
  const over = ours.sizes.map((size, i) => size - byHand.sizes[i]!);
  return {
    name: count === 1 ? "1 child" : `${count} children`,
    figures: {
      "ratio": figure("ratio", ours.ratios),
      "ours": times(ours.times),
      "by hand": times(byHand.times),
      "CPU, ours": times(ours.usages),
      "CPU, by hand": times(byHand.usages),
      ...count === 1 ? {} : {
        "memory, ours": sizes(ours.sizes),
        "memory, by hand": sizes(byHand.sizes),
        "memory over that": sizes(over),
      },
    },
  };
}

/** What came of one side of the comparison. */
interface Costs extends Series {
  /** Milliseconds of the parent on the processor. */
  usages: number[];
  /** Bytes that each child added to the parent. */
  sizes: number[];
}

function startDriver(module: string, count: number): Driver {
  const flags = ["--allow-all", "--v8-flags=--expose-gc"];
  const file = path(`scale/${module}`);
  return new Driver([Deno.execPath(), "run", ...flags, file, `${count}`]);
}
