// Copyright 2026 the @ipc/barrier authors. MIT license.

import { deno, PLACEMENTS } from "./driver.ts";
import { compare, type CompareOptions, figure } from "./harness.ts";
import type { Benchmark, Figure, Row, Size, Table } from "./table.ts";

/** Many barriers, and much output. */
export function floods(): Benchmark[] {
  return [
    { title: "Floods of barriers", short: false, measure: barriers },
    { title: "Output of a child", short: true, measure: output },
  ];
}

const COUNT = 1_000_000;
const MEGABYTES = 100;
/** The same where no byte passes through this process. */
const INHERITED = 1_000;
/** One core, where that is possible. */
const ONE_CORE = PLACEMENTS.at(-1)!;

async function barriers(): Promise<Omit<Table, "title">> {
  const row = (
    name: string,
    request: string,
    unit: Figure["unit"],
    convert: (cost: number) => number,
    options: Partial<CompareOptions> = {},
  ) =>
    versus(
      name,
      deno("flood/barrier.ts"),
      deno("flood/by_hand.ts"),
      unit,
      convert,
      { starts: 3, sweeps: 3, request: [request, COUNT], ...options },
    );
  const rate = (ms: number) => COUNT / ms / 1_000;
  return {
    about: 'A million barriers over "fd", and by hand a million writes of a ' +
      "byte by `node:net`. Placed by 1,000 a turn of the event loop, to a " +
      "child that takes them one by one, until its answer has arrived. Placed " +
      "in one turn, to a child that never reads: until the last `place()` " +
      "returned, and what the parent's memory grew by for each. And placed by " +
      "both sides at once, until one `sync()` has taken the million.",
    columns: ["ratio", "ours", "by hand"],
    rows: [
      await row("the peer reads", "read", "M/s", rate),
      await row("the peer does not read", "unread", "M/s", rate),
      await row("memory for each of these", "size", "bytes", (size) => size, {
        sweeps: 1,
        warmUp: "none", // only the first flood shows what it takes
      }),
      await row("taken by one sync()", "sync", "M/s", rate),
    ],
  };
}

async function output(size: Size): Promise<Omit<Table, "title">> {
  const options: CompareOptions = {
    drained: true,
    starts: size === "whole" ? 3 : 1,
    sweeps: size === "whole" ? 5 : 4,
    request: [MEGABYTES],
  };
  const rate = (megabytes: number) => (ms: number) => megabytes / (ms / 1_000);
  const row = (
    stdout: string,
    who: string,
    megabytes = MEGABYTES,
    { name = `"${stdout}", "${who}"`, ...others }:
      & Partial<CompareOptions>
      & { name?: string } = {},
  ) =>
    versus(
      name,
      deno("flood/output.ts", who, stdout, "zeros"),
      deno("flood/output.ts", "Deno.Command", stdout, "zeros"),
      "MB/s",
      rate(megabytes),
      { ...options, request: [megabytes], ...others },
    );
  const piped = ["flood/output.ts", "fd", "piped", "lines"] as const;
  return {
    about: `${MEGABYTES} MB that \`dd\` writes in blocks of 64 KiB, from its ` +
      "start to its end, with this process's stdout a pipe to `cat`. The peer " +
      'of "forward" is a loop that writes the stdout of a `Deno.Command` to ' +
      '`Deno.stdout`; of "piped" and "inherit", `Deno.Command` with the same. ' +
      `"inherit" has ${INHERITED} MB and one core: on two, \`dd\` and \`cat\` ` +
      "take one time or six, as the system places them. The first child is " +
      "that of a process which has just begun. `node:child_process` by hand " +
      'starts `dd` with one descriptor more, as "fd" does, and throws away what ' +
      "it reads. The peer of `readyLine`, which never matches, is the same " +
      "without it, with lines of 80 bytes.",
    columns: ["ratio", "ours", "by hand"],
    rows: [
      await row("forward", "fd"),
      await row("forward", "stdio"),
      await row("piped", "fd"),
      await row("piped", "node:child_process", MEGABYTES, {
        name: '"piped", node:child_process by hand',
      }),
      await row("piped", "fd", MEGABYTES, {
        name: '"piped", "fd", the first child',
        starts: size === "whole" ? 11 : 3,
        sweeps: 1,
        warmUp: "none",
      }),
      await row("piped", "stdio"),
      await row("inherit", "fd", INHERITED, { placement: ONE_CORE }),
      await versus(
        '"piped", readyLine',
        deno(...piped, "listening on port (\\d+)"),
        deno(...piped),
        "MB/s",
        rate(MEGABYTES),
        options,
      ),
    ],
  };
}

/** Compares two drivers; the ratio is that of what they cost. */
async function versus(
  name: string,
  oursWords: string[],
  peerWords: string[],
  unit: Figure["unit"],
  convert: (cost: number) => number,
  options: CompareOptions,
): Promise<Row> {
  const [peer, ours] = await compare([
    { name: "by hand", words: peerWords },
    { name: "ours", words: oursWords },
  ], options);
  return {
    name,
    figures: {
      "ratio": figure("ratio", ours!.ratios),
      "ours": figure(unit, ours!.times.map(convert)),
      "by hand": figure(unit, peer!.times.map(convert)),
    },
  };
}
