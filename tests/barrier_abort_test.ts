// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Aborting, and the flags that show who did. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertStrictEquals,
} from "@std/assert";
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

Deno.test("Barrier.abort() returns false when the peer has aborted", () => {
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

Deno.test("Barrier.abort() sends as much of its reason as 4,090 bytes hold", () => {
  for (
    const [reason, sent] of [
      ["x".repeat(4_090), "x".repeat(4_090)],
      ["x".repeat(4_091), "x".repeat(4_090)],
      ["x".repeat(4_089) + "\u00e9", "x".repeat(4_089)],
      ["\u{1f642}".repeat(1_023), "\u{1f642}".repeat(1_022)],
      ["\u2028".repeat(600), "\\u{2028}".repeat(511) + "\\u"],
    ] as const
  ) {
    const { barrier, channel } = setUp();
    assert(barrier.abort(reason));
    assertEquals(channel.sent, `abort ${sent}\n`);
    const peer = setUp();
    peer.channel.deliver(channel.sent);
    assertEquals(failure(peer.barrier).reason, sent);
  }
});

Deno.test("Barrier.abort() makes one printable line of any reason", () => {
  for (
    const [reason, sent] of [
      ["two\nlines\r\n\tand a tab", "two lines   and a tab"],
      ["\x1b[31mred\x1b[0m \x1b]0;title\x07\0bell\x07\x9b", "red bell"],
      ["\u202egnp.exe\u200f", "\\u{202e}gnp.exe\\u{200f}"],
      ["\ud800", "\ufffd"],
      ["\ufeffmark", "\ufeffmark"],
      [new Error("why\nstack"), "why stack"],
      [new TypeError(), "TypeError"],
      [new DOMException("timed out", "TimeoutError"), "timed out"],
      [new URL("file:///x"), "file:///x"],
      [{ code: 5 }, '{"code":5}'],
      [[1, 2], "1,2"],
      [null, "null"],
      [0, "0"],
      [10n, "10"],
      [Symbol("s"), "Symbol(s)"],
    ] as const
  ) {
    const { barrier, channel } = setUp();
    barrier.abort(reason);
    assertEquals(channel.sent, `abort ${sent}\n`);
    assertEquals(
      failure(barrier).message,
      `Barrier aborted by this side: ${sent}`,
    );
    assertStrictEquals(failure(barrier).cause, reason);
  }
});

Deno.test("Barrier.abort() without a text sends no reason", () => {
  for (const reason of ["", "\0", "\x1b[0m"]) {
    const { barrier, channel } = setUp();
    barrier.abort(reason);
    assertEquals(channel.sent, "abort\n");
    assertEquals(failure(barrier).message, "Barrier aborted by this side");
  }
});

Deno.test("Barrier.abort() aborts whatever its arguments throw", () => {
  const fail = () => {
    throw new Error("never");
  };
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const circular: unknown[] = [{ toString: () => "[object Circular]" }];
  circular.push(circular);
  for (
    const reason of [
      Object.defineProperty(new Error(), "message", { get: fail }),
      { toString: fail },
      { [Symbol.toPrimitive]: fail },
      Object.create(null),
      { toString: () => "[object X]", toJSON: fail },
      { toString: () => 5 },
      proxy,
      circular,
      () => {},
      { toString: () => ({}) },
    ]
  ) {
    const { barrier, channel } = setUp();
    assert(barrier.abort(reason));
    assert(/^abort .+\n$/.test(channel.sent), channel.sent);
    assert(barrier.iAborted);
    assertStrictEquals(failure(barrier).cause, reason);
  }
  for (
    const options of [
      Object.defineProperty({}, "cause", { get: fail }),
      proxy,
      null,
      5,
    ] as ErrorOptions[]
  ) {
    const { barrier, channel } = setUp();
    assert(barrier.abort("why", options));
    assertEquals(channel.sent, "abort why\n");
    assertEquals(failure(barrier).cause, "why");
  }
});

Deno.test("Barrier.abort() has no cause where it has no reason", () => {
  const { barrier } = setUp();
  barrier.abort();
  assertFalse("cause" in failure(barrier));
});

Deno.test("Barrier.abort() returns false after destroy(), whatever its reason", () => {
  const { barrier, channel } = setUp();
  barrier.destroy();
  assertFalse(barrier.abort("two\nlines"));
  assertEquals(channel.sent, "");
});

Deno.test("Barrier flags show who aborted", () => {
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
