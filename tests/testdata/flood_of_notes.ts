// Copyright 2026 the @ipc/barrier authors. MIT license.

// Prints how much memory a barrier keeps of floods of notes, with a line for
// each kind.

import { Barrier } from "../../barrier.ts";
import type { BarrierReceiver } from "../../src/barrier/channel.ts";
import { inUse } from "./memory.ts";

const x = "x".repeat(4_000);
for (
  const line of [
    "+n",
    "+" + x,
    "+\u2028" + x, // is escaped
    "+\u0100" + x, // takes two bytes a character
    "x\x1b[0m\t" + x, // not the protocol
    "\u20ac".repeat(1_300),
  ]
) {
  const count = line.length < 10 ? 20_000 : 2_000;
  const flood = new TextEncoder().encode(`${line}\n`.repeat(count));
  const pour = () => {
    let receiver: BarrierReceiver;
    const barrier = new Barrier({
      acceptsText: true,
      open: (opened) => void (receiver = opened),
      send() {},
      close() {},
      ref() {},
      unref() {},
    });
    receiver!.receive(flood);
    return barrier;
  };
  pour();
  const before = inUse();
  const barrier = pour();
  console.log(inUse() - before);
  barrier.destroy();
}
