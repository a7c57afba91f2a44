// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Measures this module against what one would use, or write by hand, in its
 * place. Everything is measured side by side in one run on one machine.
 *
 * @module
 */

import { roundTrips } from "./round_trip.ts";
import { markdown, type Size, type Table } from "./table.ts";

const size: Size = Deno.args.includes("--short") ? "short" : "whole";
const benchmarks = [...roundTrips()];

const tables: Table[] = [];
for (const { short, measure } of benchmarks) {
  if (size === "short" && !short) continue;
  const table = await measure(size);
  console.log(`${table.title}\n\n${markdown(table)}`);
  tables.push(table);
}
