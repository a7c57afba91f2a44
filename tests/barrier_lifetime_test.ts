// Copyright 2026 the @ipc/barrier authors. MIT license.

/** How a barrier begins and ends, and when it holds the event loop. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Barrier } from "../barrier.ts";
import { failure, HUNG_UP, outcomes, WAITS } from "./_helpers/barriers.ts";
import { flushMicrotasks } from "./_helpers/event_loop.ts";
import { ENDS, setUp } from "./_helpers/test_channel.ts";

Deno.test("Barrier() opens its channel once and sends nothing", () => {
  const { channel } = setUp();
  assertEquals(channel.calls, ["open"]);
  assertEquals(channel.sent, "");
});

Deno.test("Barrier() is the parent's side where no role is given", () => {
  assertEquals(setUp().barrier.role, "parent");
  assertEquals(setUp({ role: "parent" }).barrier.role, "parent");
  assertEquals(setUp({ role: "child" }).barrier.role, "child");
});

Deno.test("Barrier() starts to count from 'barriers'", async () => {
  const ahead = setUp({ barriers: 2 });
  ahead.channel.deliver("\n");
  const sync = ahead.barrier.sync();
  assertEquals(await outcomes(sync), ["pending"]);
  ahead.channel.deliver("\n");
  assertEquals(await outcomes(sync), [true]);

  const { barrier: behind } = setUp({ barriers: -1 });
  assert(await behind.placeAndSync());
  assertEquals(await outcomes(behind.placeAndSync()), ["pending"]);
});

Deno.test("Barrier() throws when 'barriers' is not a safe integer", () => {
  for (const barriers of [0.5, NaN, Infinity, -Infinity, 2 ** 53]) {
    assertThrows(
      () => setUp({ barriers }),
      RangeError,
      `Cannot create a barrier: 'barriers' must be a safe integer, received ${barriers}`,
    );
  }
});

Deno.test("Barrier.pair() makes a parent and a child", () => {
  const [parent, child] = Barrier.pair();
  assertEquals([parent.role, child.role], ["parent", "child"]);
});

Deno.test("Barrier.pair() delivers in order what either side sends", async () => {
  const [parent, child] = Barrier.pair();
  const [otherParent, otherChild] = Barrier.pair();
  for (
    const [from, to] of [[parent, child], [otherChild, otherParent]] as const
  ) {
    from.place("first");
    from.place("second");
    from.place();
    await flushMicrotasks();
    assert(await to.waitNext());
    assertEquals(to.note, "second");

    from.place("third");
    from.abort("done");
    await flushMicrotasks();
    assertFalse(await to.waitNext());
    assertEquals(to.note, "second");
    assertEquals(failure(to).message, "Barrier aborted by the peer: done");
  }
});

Deno.test("Barrier.destroy() hangs up after what was placed", async () => {
  const [parent, child] = Barrier.pair();
  child.place("last words");
  child.destroy();
  assert(await parent.waitNext());
  assertEquals(parent.note, "last words");
  assertFalse(await parent.waitNext());
  assertEquals(
    failure(parent).message,
    HUNG_UP,
  );
});

Deno.test("Barrier.destroy() ends pending waits, and later calls return false", async () => {
  const { barrier, channel } = setUp({ barriers: 1 });
  const pending = WAITS.map((wait) => barrier[wait]());
  channel.sent = "";
  barrier.destroy();
  assertEquals(await outcomes(...pending), Array(5).fill(false));
  assertFalse(barrier.place());
  assertFalse(barrier.abort());
  const later = WAITS.map((wait) => barrier[wait]());
  assertEquals(await outcomes(...later), Array(5).fill(false));
  assertEquals(channel.sent, "");
  assertFalse(barrier.isAborted);
});

Deno.test("Barrier.destroy() leaves what had arrived untaken", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("\n");
  barrier.destroy();
  assertFalse(await barrier.waitNext());
  assertFalse(await barrier.sync());
});

Deno.test("Barrier.destroy() closes the channel once", () => {
  const { barrier, channel } = setUp();
  barrier.destroy();
  barrier.destroy();
  barrier[Symbol.dispose]();
  assertEquals(channel.calls, ["open", "close"]);
});

Deno.test("Barrier.destroy() makes the barrier deaf", async () => {
  const { barrier, channel } = setUp();
  barrier.destroy();
  channel.deliver("+note\nabort\nhello\n");
  channel.hangUp();
  assertFalse(await barrier.waitNext());
  assertFalse(barrier.isAborted);
  assertStrictEquals(barrier.note, undefined);
  assertEquals(channel.sent, "");
});

Deno.test("Barrier is destroyed at the end of a using block", async () => {
  const [parent, child] = Barrier.pair();
  {
    using barrier = child;
    barrier.place();
  }
  assertFalse(child.place());
  assert(await parent.waitNext());
  assertFalse(await parent.waitNext());
});

Deno.test("Barrier refs its channel with the first pending wait and unrefs it with the last", async () => {
  const { barrier, channel } = setUp({ barriers: 2 });
  const controller = new AbortController();
  const first = barrier.waitNext();
  assertEquals(channel.calls, ["open", "ref"]);
  const rest = [
    barrier.sync(),
    barrier.waitAbortion({ signal: controller.signal }),
  ];
  assertEquals(channel.calls, ["open", "ref"]);
  channel.deliver("\n");
  assert(await first);
  channel.deliver("\n");
  assert(await rest[0]);
  assertEquals(channel.calls, ["open", "ref"]);
  controller.abort("enough");
  assertEquals(await outcomes(rest[1]!), ["enough"]);
  await flushMicrotasks();
  assertEquals(channel.calls, ["open", "ref", "unref"]);
});

for (const { name, act } of ENDS) {
  Deno.test(`Barrier unrefs its channel once when all waits are ended by ${name}`, async () => {
    const fixture = setUp({ barriers: 1 });
    for (const wait of WAITS) fixture.barrier[wait]();
    act(fixture);
    await flushMicrotasks();
    assertEquals(
      fixture.channel.calls.filter((call) => call !== "close"),
      ["open", "ref", "unref"],
    );
  });
}

Deno.test("Barrier keeps its channel ref'ed from one wait to the next", async () => {
  const { barrier, channel } = setUp();
  const waits = (async () => {
    for (let i = 0; i < 3; i++) assert(await barrier.waitNext());
  })();
  for (let i = 0; i < 3; i++) {
    assertEquals(channel.calls, ["open", "ref"]);
    channel.deliver("\n");
    await flushMicrotasks();
  }
  await waits;
  assertEquals(channel.calls, ["open", "ref", "unref"]);
});

Deno.test("Barrier keeps its channel ref'ed for waitAbortion() after abort()", async () => {
  const { barrier, channel } = setUp({ barriers: 1 });
  barrier.sync();
  barrier.waitAbortion();
  barrier.abort();
  await flushMicrotasks();
  assertEquals(channel.calls, ["open", "ref"]);
  channel.deliver("abort\n");
  await flushMicrotasks();
  assertEquals(channel.calls, ["open", "ref", "unref"]);
});

Deno.test("Barrier does not ref its channel for waits that need not wait", async () => {
  const { barrier, channel } = setUp();
  barrier.place();
  channel.deliver("\n");
  assert(await barrier.sync());
  assert(await barrier.sync());
  assert(await barrier.syncNext());
  channel.deliver("\n");
  assert(await barrier.waitNext());
  channel.hangUp();
  assertFalse(await barrier.waitNext());
  assert(await barrier.waitAbortion());
  assertEquals(channel.calls, ["open"]);
});
