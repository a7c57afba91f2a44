// Copyright 2026 the @ipc/barrier authors. MIT license.

// Prints by how much memory grows while a barrier reads floods of lines, with a
// line for each kind.

import { Barrier } from "../../barrier.ts";
import type { MessageReceiver } from "../../src/barrier/channel.ts";
import { StdoutSplitter } from "../../src/spawn/stdout_splitter.ts";
import { inUse } from "./memory.ts";

for (const text of ["x", "\n", "+note\n", "\x1e", "\x1e+", "\x1e+x\n", "\r"]) {
  for (const acceptsText of [true, false]) {
    const receivers: MessageReceiver[] = [];
    const make = () =>
      new Barrier({
        acceptsText,
        open: (receiver) => void receivers.push(receiver as MessageReceiver),
        send() {},
        close() {},
        ref() {},
        unref() {},
      });
    const barriers = [make(), make()];
    const splitter = new StdoutSplitter();
    const flood = new TextEncoder().encode(text.repeat(65_536 / text.length));
    const pour = () => {
      receivers[0]!.receive(flood);
      receivers[1]!.deliver(splitter.read(flood).messages);
    };
    for (let i = 0; i < 4; i++) pour();
    const before = inUse();
    for (let i = 0; i < 24; i++) pour();
    console.log(inUse() - before);
    for (const barrier of barriers) barrier.destroy();
  }
}
