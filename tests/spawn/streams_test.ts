// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import type { MessageReceiver } from "../../src/barrier/channel.ts";
import { launch } from "../../src/spawn/launch.ts";
import { resolve } from "../../src/spawn/options.ts";
import { Streams } from "../../src/spawn/streams.ts";
import { test } from "../_helpers/unix.ts";
import type { Socket } from "node:net";

test("Streams reads no more of a descriptor than can wait for the output before it", async () => {
  const SIZE = 2 * 1024 * 1024;
  const plan = resolve(["sh", "-c", `head -c ${SIZE} /dev/zero >&3`], {
    stdout: () => {},
  });
  const streams = new Streams(launch(plan), plan);
  const { readable } = streams.channel as unknown as { readable: Socket };
  let received = 0;
  let waiting = 0;
  const receive = ({ length }: Uint8Array) => {
    waiting = Math.max(waiting, readable.bytesRead - received);
    received += length;
  };
  streams.channel.open({ receive, hangUp() {} } as unknown as MessageReceiver);
  streams.channel.ref();
  await streams.channelEnded();
  waiting = Math.max(waiting, readable.bytesRead - received);
  assert(waiting < SIZE / 4, `${waiting} bytes wait`);
  assertEquals(received, SIZE);
  streams.channel.hangUp();
});
