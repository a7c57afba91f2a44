// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertMatch,
  assertStrictEquals,
} from "@std/assert";
import { Barrier, BarrierAbortedError, spawnWithBarrier } from "../../mod.ts";
import { StdioChannel } from "../../src/channels/stdio.ts";
import { start } from "../_helpers/run.ts";
import { childModule } from "../_helpers/scripts.ts";
import { test } from "../_helpers/unix.ts";

/** Replaces `Deno.stdout.writeSync`, and puts it back when disposed of. */
function mockStdout(writeSync: (bytes: Uint8Array) => number): Disposable {
  Object.assign(Deno.stdout, { writeSync });
  return {
    [Symbol.dispose]: () =>
      void Reflect.deleteProperty(Deno.stdout, "writeSync"),
  };
}

Deno.test("StdioChannel.send() waits between its tries while a non-blocking stdout is full", () => {
  const end = performance.now() + 100;
  let tries = 0;
  let written = "";
  using _ = mockStdout((bytes) => {
    tries++;
    if (performance.now() < end) throw new Deno.errors.WouldBlock();
    written += new TextDecoder().decode(bytes);
    return bytes.length;
  });
  new Barrier(new StdioChannel(), { role: "child" }).place("note");
  assertEquals(written, "\x1e+note\n");
  assertLess(tries, 150);
});

Deno.test("StdioChannel.send() writes what a stdout takes in parts", () => {
  let written = "";
  using _ = mockStdout((bytes) => {
    const part = bytes.subarray(0, 3);
    written += new TextDecoder().decode(part);
    return part.length;
  });
  new Barrier(new StdioChannel(), { role: "child" }).place("a longer note");
  assertEquals(written, "\x1e+a longer note\n");
});

test("StdioChannel.close() ends a read that would keep the process alive", async () => {
  await using child = spawnWithBarrier(
    childModule(
      "stdio",
      `
      Deno.unrefTimer(setTimeout(() => Deno.exit(9), 10_000));
      barrier.waitNext();
      barrier.destroy();
      `,
    ),
    { channel: "stdio" },
  );
  assertEquals((await child.exited).code, 0);
});

for (
  const wait of [
    "waitNext()",
    "sync()",
    "receive()",
  ]
) {
  test(`StdioChannel lets a child exit once its parent has served ${wait}`, async () => {
    await using child = spawnWithBarrier(
      childModule(
        "stdio",
        `
        Deno.unrefTimer(setTimeout(() => Deno.exit(9), 10_000));
        barrier.place();
        await barrier.${wait};
        `,
      ),
      { channel: "stdio" },
    );
    await child.ready();
    child.place();
    assertEquals((await child.exited).code, 0);
  });
}

Deno.test("StdioChannel.send() reports an error of stdout after the call", async () => {
  const cause = new Deno.errors.BadResource("closed");
  using _ = mockStdout(() => {
    throw cause;
  });
  const barrier = new Barrier(new StdioChannel(), { role: "child" });
  barrier.place();
  assertEquals(barrier.isAborted, false);
  await undefined;
  assertEquals(await barrier.waitNext(), false);
  const { reason } = barrier.signal;
  assertInstanceOf(reason, BarrierAbortedError);
  assertEquals(reason.message, "Cannot write to stdout: closed");
  assertStrictEquals(reason.cause, cause);
});

for (
  const [what, script, expected] of [
    [
      "is full, immediately",
      'exec "$@" >/dev/full',
      /^false Cannot write to stdout: .*\(os error 28\)\n$/,
    ],
    [
      "has no reader, after what the parent had sent",
      '"$@" | true',
      /^true last words\nfalse Peer hung up: it exited or destroyed its barrier\n$/,
    ],
  ] as const
) {
  test(`StdioChannel.send() reports a stdout that ${what}`, async () => {
    const module = childModule(
      "stdio",
      `
      for (let result = true; result;) {
        barrier.place();
        result = await barrier.waitNext();
        console.error(result, result ? barrier.note : barrier.signal.reason.message);
      }
      `,
    );
    const deno = [Deno.execPath(), "run", module];
    const process = start(["sh", "-c", script, "sh", ...deno]);
    const writer = process.stdin.getWriter();
    await writer.write(new TextEncoder().encode("+last words\n"));
    await writer.close();
    const { stderr } = await process.output();
    assertMatch(new TextDecoder().decode(stderr), expected);
  });
}
