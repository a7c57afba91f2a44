// Copyright 2026 the @ipc/barrier authors. MIT license.

// A child that its parent floods with barriers, and that places one with the number
// of waits that took: `deno run paced_child.ts <channel> <barriers>`.

import type { BarrierChannelKind } from "../../mod.ts";
import { inheritBarrier } from "../../inherit.ts";

const [channel, count] = Deno.args as [BarrierChannelKind, string];
const flood = Number(count);
const barrier = await inheritBarrier({ channel });
await barrier.receive();
let waits = 0;
for (let left = flood; left > 0; waits++) {
  await barrier.waitNext();
  const [, consumed] = /consumed: (\d+)/.exec(Deno.inspect(barrier))!;
  left = flood + 1 - Number(consumed);
}
barrier.place(String(waits));
