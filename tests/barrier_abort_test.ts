// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Aborting, and the flags that tell who did. */

import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { Barrier } from "../barrier.ts";
import { failure, flags, outcomes, WAITS } from "./_helpers/barriers.ts";
import { setUp } from "./_helpers/test_channel.ts";

Deno.test("Barrier.abort() sends one line, the first time only", () => {
  const plain = setUp();
  assert(plain.barrier.abort());
  assert(plain.barrier.abort("again"));
  assertEquals(plain.channel.sent, "abort\n");

  const reasoned = setUp();
  assert(reasoned.barrier.abort("disk full"));
  assert(reasoned.barrier.abort());
  assertEquals(reasoned.channel.sent, "abort disk full\n");
});

Deno.test("Barrier.abort() gives false when the peer has aborted", () => {
  const { barrier, channel } = setUp();
  channel.deliver("abort\n");
  assertFalse(barrier.abort());
  assertFalse(barrier.abort());
  assertEquals(channel.sent, "abort\n");
});

Deno.test("Barrier.abort() ends every wait of this side but waitAbortion()", async () => {
  const { barrier, channel } = setUp({ barriers: 1 });
  const pending = WAITS.map((wait) => barrier[wait]());
  barrier.abort();
  assertEquals(await outcomes(...pending), [
    false,
    false,
    false,
    false,
    "pending",
  ]);
  const later = WAITS.map((wait) => barrier[wait]());
  channel.deliver("abort\n");
  assertEquals(await outcomes(...later), [false, false, false, false, false]);
  assertEquals(await outcomes(...pending), [false, false, false, false, false]);
});

Deno.test("Barrier.abort() takes a reason of up to 4,090 bytes", async () => {
  const [parent, child] = Barrier.pair();
  child.abort("x".repeat(4_090));
  assert(await parent.waitAbortion());
  assertEquals(
    failure(parent).message,
    `Barrier aborted by the peer: ${"x".repeat(4_090)}`,
  );

  const { barrier, channel } = setUp();
  const error = assertThrows(
    () => barrier.abort("x".repeat(4_091)),
    RangeError,
  );
  assertEquals(
    error.message,
    "Cannot send reason of 4091 bytes: it must fit 4090 bytes",
  );
  assertEquals(channel.sent, "");
  assertFalse(barrier.isAborted);
});

Deno.test("Barrier.abort() throws on a reason that is not one line of text", () => {
  const { barrier, channel } = setUp();
  for (const reason of ["two\nlines", "\x1b[31m", "\ud800"]) {
    assertThrows(
      () => barrier.abort(reason),
      TypeError,
      "expected one line of text without characters that control a terminal or the direction of writing",
    );
  }
  const error = assertThrows(
    () => barrier.abort(new Error("why") as unknown as string),
    TypeError,
  );
  assertEquals(
    error.message,
    "Cannot send reason: expected a string, received object",
  );
  assertEquals(channel.sent, "");
  assertFalse(barrier.isAborted);
});

Deno.test("Barrier flags tell who aborted", () => {
  const { barrier, channel } = setUp();
  assertEquals(flags(barrier), []);
  barrier.abort();
  assertEquals(flags(barrier), ["iAborted", "isAborted"]);
  channel.deliver("abort\n");
  assertEquals(flags(barrier), [
    "iAborted",
    "theyAborted",
    "weAborted",
    "isAborted",
  ]);

  const peer = setUp();
  peer.channel.deliver("abort\n");
  assertEquals(flags(peer.barrier), ["theyAborted", "isAborted"]);
});

Deno.test("Barrier.theyAborted is set by a hang-up once a wait needs more", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("\n");
  channel.hangUp();
  assert(await barrier.waitNext());
  assert(await barrier.sync());
  assertFalse(barrier.theyAborted);
  assertFalse(await barrier.waitNext());
  assert(barrier.theyAborted);
  assertFalse(barrier.place());
});

Deno.test("Barrier.theyAborted is set by a hang-up that a pending wait sees", async () => {
  for (const wait of WAITS) {
    const { barrier, channel } = setUp({ barriers: 1 });
    const pending = barrier[wait]();
    channel.hangUp();
    assert(barrier.theyAborted);
    assertEquals(await pending, wait === "waitAbortion");
  }
});
