// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Starts children over a channel, up to the first byte of their stdout or, for
 * the last rung, the first `sync()`. Arguments: the channel, and how far the
 * child goes before it writes that byte (see ladder_child.ts).
 */

import { spawnWithBarrier } from "@ipc/barrier";
import { serveStarts } from "./serve_starts.mjs";

const [channel, rung] = Deno.args as ["fd" | "stdio", string];
const module = import.meta.resolve("./ladder_child.ts");
const args = [channel, rung];

await serveStarts(async () => {
  const child = channel === "fd"
    ? spawnWithBarrier(module, { args, stdin: "null", stdout: "piped" })
    : spawnWithBarrier(module, { args, channel, stdout: "piped" });
  if (rung === "sync") {
    if (!await child.waitNext()) throw child.signal.reason;
  } else {
    const reader = child.stdout.getReader();
    await reader.read();
    reader.releaseLock();
  }
  return async () => {
    child.kill();
    await child.stdout.cancel();
    await child[Symbol.asyncDispose]();
  };
});
