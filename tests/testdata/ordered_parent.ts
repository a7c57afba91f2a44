// Copyright 2026 the @ipc/barrier authors. MIT license.

// A parent that prints a line after each barrier in the output of its child. Its
// arguments are the child's script and either a channel or a line.

import type { BarrierChannelKind } from "../../mod.ts";

// The library keeps the timers that it finds. It waits longer than its 100 ms for
// the output before a barrier to be written, which can take longer on a machine that
// is busy.
const { setTimeout } = globalThis;
Object.assign(globalThis, {
  setTimeout: (run: () => void, ms = 0) =>
    setTimeout(run, Math.min(1_000 * ms, 2 ** 31 - 1)),
});
const { spawnWithBarrier } = await import("../../mod.ts");

const [script, channel, line] = Deno.args as [
  string,
  BarrierChannelKind,
  string?,
];
const child = spawnWithBarrier(["sh", "-c", script], {
  channel,
  readyLine: line === undefined ? undefined : new RegExp(`^${line}$`),
});
for (let i = 0; i < 10; i++) {
  await child.waitNext();
  console.log("parent", i);
  child.place();
}
