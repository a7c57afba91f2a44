// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Starts children with a barrier, up to the first `sync()`. Argument: the
 * channel ("fd" or "stdio").
 */

import { type BarrierProcess, spawnWithBarrier } from "@ipc/barrier";
import { serveStarts } from "./serve_starts.mjs";

const module = import.meta.resolve("./barrier_child.ts");
const channel = Deno.args[0] as "fd" | "stdio";

await serveStarts(async () => {
  const child = start();
  if (!await child.sync()) throw child.signal.reason;
  return async () => await child[Symbol.asyncDispose]();
});

function start(): BarrierProcess {
  const child = channel === "fd"
    ? spawnWithBarrier(module, { args: ["fd"], stdin: "null" })
    : spawnWithBarrier(module, { args: [channel], channel });
  child.place();
  return child;
}
