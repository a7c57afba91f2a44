// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Performs the steps that its argument asks for, writes a byte, and waits to be killed. */

import type { BarrierChannelKind } from "@ipc/barrier/inherit";

const [channel, rung] = Deno.args as [BarrierChannelKind, string];

switch (rung) {
  case "node:net":
    await import("node:net");
    break;
  case "inherit": {
    await import("@ipc/barrier/inherit");
    if (channel === "fd") await import("node:net");
    break;
  }
  case "channel":
  case "sync": {
    const { inheritBarrier } = await import("@ipc/barrier/inherit");
    const parent = await inheritBarrier({ channel });
    if (rung === "sync") parent.place();
  }
}
if (rung !== "sync") Deno.stdout.writeSync(new Uint8Array(1));
setInterval(() => {}, 1_000_000); // until the parent kills it
