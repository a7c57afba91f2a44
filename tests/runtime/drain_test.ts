// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import type { Socket } from "node:net";
import { drained } from "../../src/runtime/drain.ts";
import { CHANNELS } from "../_helpers/driver.ts";
import { checkExits } from "../_helpers/exits.ts";
import { isPending, turnEventLoop } from "../_helpers/event_loop.ts";
import { shell } from "../_helpers/scripts.ts";
import { test } from "../_helpers/unix.ts";

/** How much one read takes. */
const BUFFER = 64 * 1024;

/**
 * A pipe about which the event loop has not asked the system. Only a read shows
 * what is in it, and reads come after timers and before `setImmediate()`.
 */
class PipeStandIn {
  readonly destroyed = false;
  readableEnded = false;
  bytesRead = 0;
  /** How often it was read. */
  reads = 0;
  #isReading = true;
  readonly #onRead: (pipe: PipeStandIn) => void;
  readonly _handle = {
    reading: true,
    readStop: (): void => void (this.#isReading = false),
    readStart: (): void => {
      // A handle that is being read is not read once more.
      if (this.#isReading) return;
      this.#isReading = true;
      setImmediate(() => {
        this.reads++;
        this.#onRead(this);
      });
    },
  };

  constructor(onRead: (pipe: PipeStandIn) => void) {
    this.#onRead = onRead;
  }

  get socket(): Socket {
    return this as unknown as Socket;
  }
}

test("drained() reads what the event loop has not noticed when an exit is reported", async () => {
  const left = [2 * BUFFER, BUFFER, 30];
  const pipe = new PipeStandIn((pipe) => pipe.bytesRead += left.shift() ?? 0);
  await drained(pipe.socket);
  assertEquals(left, []);
  assertEquals(pipe.bytesRead, 3 * BUFFER + 30);
});

test("drained() resolves at the end of a pipe without reading on", async () => {
  const pipe = new PipeStandIn((pipe) => {
    pipe.bytesRead += 10;
    pipe.readableEnded = true;
  });
  await drained(pipe.socket);
  assertEquals(pipe.reads, 1);
  await drained(pipe.socket);
  assertEquals(pipe.reads, 1);
});

test("drained() reads no more than a kernel can hold of a pipe that others write to", async () => {
  const pipe = new PipeStandIn((pipe) => pipe.bytesRead += 64 * 1024);
  pipe.bytesRead = 5_000_000;
  await drained(pipe.socket);
  assertEquals(pipe.bytesRead, 5_000_000 + 1024 * 1024);
});

test("drained() reads once of a pipe that others write a little to all the time", async () => {
  const pipe = new PipeStandIn((pipe) => pipe.bytesRead++);
  await drained(pipe.socket);
  assertEquals(pipe.reads, 1);
});

test("drained() reads a pipe after timers that are due", async () => {
  const pipe = new PipeStandIn((pipe) => {
    if (pipe.reads === 1) pipe.bytesRead = 100;
  });
  const done = drained(pipe.socket);
  // Time passes, and the loop does not turn.
  const end = performance.now() + 60;
  while (performance.now() < end);
  assert(await isPending(done));
  await done;
  assertEquals(pipe.bytesRead, 100);
});

for (const stdout of ["piped", "forward", "null"] as const) {
  test(`BarrierProcess takes what a child placed while this process was busy, with "${stdout}"`, async () => {
    for (let i = 0; i < 10; i++) {
      await using child = shell(
        "for i in 1 2 3 4 5; do printf '\\036+%s\\n' $i; done; kill -9 $$",
        { channel: "stdio", stdout },
      );
      await turnEventLoop();
      // It exits meanwhile.
      const end = performance.now() + 20;
      while (performance.now() < end);
      assertEquals(await Array.fromAsync(child), ["1", "2", "3", "4", "5"]);
    }
  });
}

for (const channel of CHANNELS) {
  test(`BarrierProcess takes everything that a child did before it ended over "${channel}"`, async () => {
    await checkExits({ channel, count: 24 });
  });
}
