// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Floods of barriers, both sides of them. Requests: "read <count>", "unread
 * <count>", "size <count>" and "sync <count>"; flood.ts explains them.
 */

import {
  type Barrier,
  type BarrierProcess,
  inheritBarrier,
  spawnWithBarrier,
} from "@ipc/barrier";
import { serve } from "../serve.mjs";
import { turns } from "./turns.mjs";

/** A program that does not read what comes. */
const SLEEP = ["sleep", "1000"];
const [way, total] = Deno.args as [string?, string?];
const count = Number(total);

if (way === "read") {
  using parent = await inheritBarrier();
  parent.place(); // it runs
  let read = 0;
  for await (const _ of parent) if (++read % count === 0) parent.place();
} else if (way === "sync") {
  using parent = await inheritBarrier();
  parent.place(); // it runs
  await parent.waitNext();
  place(parent, count - 1);
  await parent.sync();
  await parent.waitAbortion();
} else {
  const measures = { read, unread, size, sync };
  await serve((way: string, count: string) =>
    measures[way as keyof typeof measures](Number(count))
  );
}

function place(barrier: Barrier, count: number): void {
  for (let i = 0; i < count; i++) barrier.place();
}

async function read(count: number): Promise<number> {
  await using child = await start("read", count);
  const begin = performance.now();
  for await (const part of turns(count)) place(child, part);
  await child.ready();
  return performance.now() - begin;
}

async function unread(count: number): Promise<number> {
  await using child = spawnWithBarrier(SLEEP, { stdin: "null" });
  const begin = performance.now();
  place(child, count);
  return performance.now() - begin;
}

async function size(count: number): Promise<number> {
  await using child = spawnWithBarrier(SLEEP, { stdin: "null" });
  const before = Deno.memoryUsage().rss;
  place(child, count);
  await new Promise((resolve) => setTimeout(resolve)); // to the next turn
  return (Deno.memoryUsage().rss - before) / count;
}

async function sync(count: number): Promise<number> {
  await using child = await start("sync", count);
  const begin = performance.now();
  place(child, count);
  if (!await child.sync()) throw child.signal.reason;
  return performance.now() - begin;
}

async function start(way: string, count: number): Promise<BarrierProcess> {
  const args = [way, `${count}`];
  const child = spawnWithBarrier(import.meta.url, { args, stdin: "null" });
  if (!await child.waitNext()) throw child.signal.reason;
  return child;
}
