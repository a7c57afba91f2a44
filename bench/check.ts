// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Checks the figures of a run against the limits, which are all here:
 * `deno run --allow-read bench/check.ts bench/results.json`.
 *
 * @module
 */

import type { Size, Table } from "./table.ts";

/** The most that a figure may be. */
interface Limit {
  table: string;
  row: string;
  /** The figure itself, by default the ratio. */
  column?: string;
  /** Another row, whose same figure this one is divided by. */
  over?: string;
  max: number;
  /**
   * The same for the short form, which has twice the margin, as it measures
   * little and runs on machines that are busy; without it, only
   * the whole run checks the limit.
   */
  short?: number;
}

/** A figure, and what it may be. */
export interface Checked {
  name: string;
  figure: number;
  max: number;
}

const FD = 'ours, "fd"';
const STDIO = 'ours, "stdio"';
const BY_HAND = "node:net by hand";

/**
 * No slower than what one would write by hand, and ahead of all else between
 * processes. The threads of `postMessage()` share one, and need no system call.
 */
const ROUND_TRIPS: Limit[] = ["strict ping-pong", "in step"].flatMap((way) => {
  const table = `Round trip, ${way}, one core`;
  return [
    { table, row: FD, max: 1.1, short: 1.2 },
    { table: `Round trip, ${way}, two cores`, row: FD, max: 1.1 },
    { table, row: "ours, Deno.Conn", max: 1.25 },
    {
      table: `Round trip, ${way}, two cores`,
      row: "ours, Deno.Conn",
      max: 1.25,
    },
    { table, row: FD, over: "fork(), Deno", max: 1, short: 1.1 },
    { table, row: FD, over: "execa, Deno", max: 1, short: 1.1 },
    { table, row: FD, over: "Deno.Command", max: 1, short: 1.1 },
    { table, row: FD, over: "fork(), Node", max: 1 },
    { table, row: STDIO, over: "Deno.Command", max: 1, short: 1.1 },
  ];
});

/**
 * What is ours in a start is a millisecond for the modules and one for the
 * channel, of the 25 that a child takes which loads node:net, and of the 11 that
 * one takes which loads nothing.
 */
const STARTS: Limit[] = [
  ...["Start of one child", "Start of 150 children at once"].flatMap((
    table,
  ) => [
    { table, row: FD, over: BY_HAND, max: 1.2, short: 1.4 },
    { table, row: STDIO, max: 1.25, short: 1.5 },
    { table, row: FD, over: "fork(), Deno", max: 1.1, short: 1.2 },
    { table, row: FD, over: "execa, Deno", max: 1, short: 1.1 },
  ]),
];

const SCALE: Limit[] = [
  { row: "200 children", max: 1.15 },
  { row: "200 children", over: "50 children", max: 1.15 }, // it is linear
  { row: "200 children", column: "memory over that", max: 64 },
].map((limit) => ({ table: "Phases over many children", ...limit }));

/**
 * Barriers of one turn go together. Output that is forwarded is written as by hand, in
 * large writes, to a pipe that this process has opened itself; reading it and keeping
 * the end for errors is ours. Over "stdio", output that is piped is searched for the
 * protocol. What is "fd" is started by `fork()`, as is all that gets a descriptor more,
 * after which the first write to each page of memory costs a fault. In a process that
 * has just begun, it does so in any case.
 */
const FLOODS: Limit[] = [
  ...[
    { row: "the peer reads", max: 0.5 },
    { row: "the peer does not read", max: 0.5 },
    { row: "memory for each of these", column: "ours", max: 16 },
    { row: "taken by one sync()", max: 0.5 },
  ].map((limit) => ({ table: "Floods of barriers", ...limit })),
  ...[
    { row: '"forward", "fd"', max: 4.2, short: 5 },
    { row: '"forward", "stdio"', max: 3.4, short: 4 },
    { row: '"piped", "fd"', max: 5, short: 6 },
    {
      row: '"piped", "fd"',
      over: '"piped", node:child_process by hand',
      max: 1,
      short: 1.1,
    },
    { row: '"piped", "fd", the first child', max: 1.4, short: 1.8 },
    { row: '"piped", "stdio"', max: 1.4, short: 1.8 },
    { row: '"piped", readyLine', max: 1.3, short: 1.6 },
    { row: '"inherit", "fd"', max: 1.5, short: 3 },
  ].map((limit) => ({ table: "Output of a child", ...limit })),
];

const COMPLETIONS: Limit[] = [
  ...[
    {
      row: "complete() before wait(), Promise.withResolvers()",
      max: 1.2,
      short: 1.4,
    },
    {
      row: "wait() before complete(), Promise.withResolvers()",
      max: 1.2,
      short: 1.4,
    },
    { row: "uncontended, Semaphore of async-mutex", max: 1, short: 1.1 },
    { row: "1000 waiters, Semaphore of async-mutex", max: 1, short: 1.1 },
    { row: "uncontended, Semaphore of @std/async", max: 1, short: 1.1 },
    { row: "1000 waiters, Semaphore of @std/async", max: 1, short: 1.1 },
  ].map((limit) => ({ table: "Completions between tasks", ...limit })),
  {
    table: "Completions between threads, two cores",
    row: "ours, wait()",
    max: 1.2,
  },
  ...[
    { row: "ours, wait()", max: 1.25 },
    { row: "ours, wait()", over: "postMessage()", max: 1 },
    { row: "ours, wait() and waitSync()", over: "postMessage()", max: 1 },
  ].map((limit) => ({
    table: "Completions between threads, one core",
    ...limit,
  })),
];

/** To load modules takes longer where it takes longer to start Deno as well. */
const IMPORTS: Limit[] = [
  { row: "@ipc/barrier", max: 1.3, short: 1.6 },
  { row: "@ipc/barrier/spawn", max: 1.3, short: 1.6 },
  { row: "@ipc/barrier/barrier", max: 1.15, short: 1.3 },
  { row: "@ipc/barrier/inherit", max: 1.15, short: 1.3 },
  { row: "@ipc/barrier/completion", max: 1.1, short: 1.2 },
].map((limit) => ({ table: "Import of an entry point", ...limit }));

const LIMITS: Limit[] = [
  ...ROUND_TRIPS,
  ...STARTS,
  ...SCALE,
  ...FLOODS,
  ...COMPLETIONS,
  ...IMPORTS,
];

/** Looks up the figures that have a limit; leaves out what was not measured. */
export function check(tables: Table[], size: Size): Checked[] {
  return LIMITS.flatMap((limit) => {
    const { table, row, column = "ratio", over } = limit;
    const max = size === "short" ? limit.short : limit.max;
    const above = find(tables, table, row, column);
    const below = over === undefined ? 1 : find(tables, table, over, column);
    if (max === undefined || above === undefined || below === undefined) {
      return [];
    }
    const name = `${table}: ${row}${over === undefined ? "" : ` / ${over}`}` +
      (limit.column === undefined ? "" : `, ${column}`);
    return [{ name, figure: above / below, max }];
  });
}

function find(
  tables: Table[],
  title: string,
  name: string,
  column: string,
): number | undefined {
  const rows = tables.find((table) => table.title === title)?.rows;
  const figure = rows?.find((row) => row.name === name)?.figures[column];
  return typeof figure === "object" ? figure.median : undefined;
}

/** Whether a figure exceeds its limit. */
export function isMissed({ figure, max }: Checked): boolean {
  return !(figure <= max);
}

/** Says which figures exceed their limits; gives the code to exit with. */
export function report(all: Checked[]): number {
  const missed = all.filter(isMissed);
  for (const { name, figure, max } of missed) {
    console.log(`missed: ${name}: ${figure.toFixed(2)}, limit ${max}`);
  }
  console.log(
    `${all.length - missed.length} limits kept, ${missed.length} missed`,
  );
  return missed.length > 0 || all.length === 0 ? 1 : 0;
}

if (import.meta.main) {
  const text = await Deno.readTextFile(Deno.args[0] ?? "bench/results.json");
  Deno.exit(report(check(JSON.parse(text).tables, "whole")));
}
