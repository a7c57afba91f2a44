// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Measures this module against what one would use, or write by hand, in its
 * place. Everything is measured side by side in one run on one machine.
 *
 * @module
 */

import { roundTrips } from "./round_trip.ts";
import { floods } from "./flood.ts";
import { scale } from "./scale.ts";
import { imports } from "./imports.ts";
import { tasks } from "./tasks.ts";
import { threads } from "./threads.ts";

import { starts } from "./start.ts";
import { markdown, type Size, type Table } from "./table.ts";

const size: Size = Deno.args.includes("--short") ? "short" : "whole";
const only = Deno.args.find((argument) => !argument.startsWith("-")) ?? "";
const benchmarks = [
  ...roundTrips(),
  ...starts(),
  ...scale(),
  ...floods(),
  ...tasks(),
  ...threads(),
  ...imports(),
];

const tables: Table[] = [];
for (const { title, short, measure } of benchmarks) {
  if ((size === "short" && !short) || !title.includes(only)) continue;
  const start = performance.now();
  const table = { title, ...await measure(size) };
  console.log(`## ${title}\n\n${table.about}\n\n${markdown(table)}`);
  console.log(performance.now() - start);
  tables.push(table);
}
