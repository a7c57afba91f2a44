// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/spawn/launch_test.ts.

import {
  type BarrierChannelKind,
  inheritBarrier,
  spawnWithBarrier,
} from "../../mod.ts";
import { StdioChannel } from "../../src/channels/stdio.ts";
import { descriptors } from "../../src/spawn/launch.ts";
import { main } from "./main.ts";

await main({
  async child(channel) {
    const barrier = await inheritBarrier();
    barrier.place();
    const script = "cat <&3; echo nothing";
    const grandchild = spawnWithBarrier(["sh", "-c", script], {
      channel: channel as BarrierChannelKind,
      stdout: "piped",
      stderr: "null",
    });
    const output = await grandchild.stdout.text();
    await barrier.waitNext();
    barrier.place(`${output.trim()}, but ${barrier.note} for its parent`);
  },

  stdin() {
    const print = () => {
      const plan = {
        stdin: "inherit",
        stdout: "null",
        stderr: "null",
      } as const;
      const stdio = descriptors({ fd: 3, readyLine: undefined, ...plan });
      console.log(stdio.join(" "));
    };
    print();
    new StdioChannel();
    print();
  },
});
