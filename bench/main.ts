// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Measures this module against what one would use, or write by hand, in its
 * place, side by side in one run on one machine, and exits with 1 if a limit is
 * missed. A whole run writes RESULTS.md.
 *
 * With `--short` it takes less time and writes nothing. It runs on machines that
 * are busy, so what misses a limit is measured once more, by new processes, and
 * the better of the two counts. Another argument chooses tables by their title.
 *
 * @module
 */

import { check, type Checked, isMissed, report } from "./check.ts";
import { floods } from "./flood.ts";
import { imports } from "./imports.ts";
import { machine } from "./machine.ts";
import { roundTrips } from "./round_trip.ts";
import { scale } from "./scale.ts";
import { starts } from "./start.ts";
import { type Benchmark, markdown, type Size, type Table } from "./table.ts";
import { tasks } from "./tasks.ts";
import { threads } from "./threads.ts";

const size: Size = Deno.args.includes("--short") ? "short" : "whole";
const chosen = Deno.args.find((argument) => !argument.startsWith("-"));

const about = await machine();
console.log(`${about}\n`);

const tables: Table[] = [];
const all: Checked[] = [];
for (
  const benchmark of [
    ...roundTrips(),
    ...starts(),
    ...scale(),
    ...floods(),
    ...tasks(),
    ...threads(),
    ...imports(),
  ]
) {
  if (size === "short" && !benchmark.short) continue;
  if (!benchmark.title.includes(chosen ?? "")) continue;
  const table = await measure(benchmark);
  tables.push(table);
  let checked = check([table], size);
  if (size === "short" && checked.some(isMissed)) {
    const again = check([await measure(benchmark)], size);
    checked = checked.map((first, i) =>
      again[i]!.figure < first.figure ? again[i]! : first
    );
  }
  all.push(...checked);
}
if (size === "whole" && chosen === undefined) {
  const { write } = await import("./report.ts"); // what draws is needed here only
  await write(about, tables);
}
Deno.exit(report(all));

async function measure({ title, measure }: Benchmark): Promise<Table> {
  const start = performance.now();
  const table = { title, ...await measure(size) };
  const seconds = ((performance.now() - start) / 1_000).toFixed(0);
  console.log(`${title} (${seconds} s)\n\n${markdown(table)}`);
  return table;
}
