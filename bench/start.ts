// Copyright 2026 the @ipc/barrier authors. MIT license.

import { deno, path, unlessInReach, unlessInstalled } from "./driver.ts";
import { compare, figure, row, type Variant } from "./harness.ts";
import type { Benchmark, Size, Table } from "./table.ts";

/** The start of children, one and many, and where the time goes. */
export function starts(): Benchmark[] {
  return [
    { title: "Start of one child", short: true, measure: one },
    {
      title: `Start of ${MANY} children at once`,
      short: false,
      measure: many,
    },
    ...(["fd", "stdio"] as const).map((channel) => ({
      title: `Where the time of a start goes, "${channel}"`,
      short: false,
      measure: () => ladder(channel),
    })),
  ];
}

const ENDS = "From the call to what tells that the child runs: the first " +
  "`sync()`, the first byte, the first message.";
const MANY = 150;

async function one(size: Size): Promise<Omit<Table, "title">> {
  const whole = size === "whole";
  const compared = await compare(
    variants().filter(({ short }) => short || whole),
    {
      starts: 1,
      sweeps: whole ? 30 : 15,
      warmUp: [2], // loads what a parent needs, and fills Deno's caches
      request: [1],
    },
  );
  return {
    about: ENDS,
    columns: ["ratio", "time"],
    rows: compared.map((variant) => row(variant, "ms")),
  };
}

async function many(): Promise<Omit<Table, "title">> {
  const compared = await compare(variants(), {
    starts: 1,
    sweeps: 3,
    warmUp: [2],
    request: [MANY],
  });
  return {
    about: `${ENDS} Of ${MANY} children, the last of them, by their number.`,
    columns: ["ratio", "time"],
    rows: compared.map((variant) => row(variant, "ms", 1 / MANY)),
  };
}

/** Children each of which does one thing more than the one before. */
async function ladder(channel: "fd" | "stdio"): Promise<Omit<Table, "title">> {
  const rung = (name: string, rung: string) => ({
    name,
    words: deno("start/ladder.ts", channel, rung),
  });
  const compared = await compare([
    { name: "the process, by Deno.Command", words: deno("start/command.ts") },
    rung("and by spawnWithBarrier()", "process"),
    ...channel === "fd" ? [rung("and loads node:net", "node:net")] : [],
    rung("and loads our modules", "inherit"),
    rung("and opens the channel", "channel"),
    rung("up to the first barrier", "sync"),
  ], { starts: 1, sweeps: 20, warmUp: [2], request: [1] });
  const medians = compared.map(({ times }) => figure("ms", times).median);
  return {
    about: "Children each of which does one thing more than the one before, " +
      "up to the first byte of their stdout.",
    columns: ["time", "more"],
    rows: compared.map((variant, i) => {
      const { name, figures } = row(variant, "ms");
      const more = medians[i]! - (medians[i - 1] ?? 0);
      return { name, figures: { ...figures, more: `${more.toFixed(1)} ms` } };
    }),
  };
}

/** The variants; all others are compared with the first. */
function variants(): Variant[] {
  const words = (file: string, ...args: string[]) =>
    deno(`start/${file}`, ...args);
  return [
    { name: "Deno.Command", words: words("command.ts"), short: true },
    { name: 'ours, "stdio"', words: words("barrier.ts", "stdio"), short: true },
    { name: 'ours, "fd"', words: words("barrier.ts", "fd"), short: true },
    { name: "node:net by hand", words: words("by_hand.ts"), short: true },
    { name: "fork(), Deno", words: words("fork.mjs"), short: true },
    {
      name: "fork(), Node",
      words: ["node", path("start/fork.mjs")],
      missing: unlessInstalled("node"),
    },
    {
      name: "execa, Deno",
      words: words("execa.ts"),
      missing: unlessInReach("start/execa.ts"),
    },
  ];
}
