// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Waits that are canceled. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { Barrier } from "../barrier.ts";
import { outcomes, WAITS } from "./_helpers/barriers.ts";
import { assertTimesOut, countedSignal } from "./_helpers/signals.ts";
import { ENDS, type Fixture, setUp } from "./_helpers/test_channel.ts";

for (const wait of WAITS) {
  Deno.test(`Barrier.${wait}() with an aborted signal rejects and changes nothing`, async () => {
    const { barrier, channel } = setUp({ barriers: 1 });
    channel.deliver("+note\n");
    const signal = AbortSignal.abort("not now");
    assertEquals(await outcomes(barrier[wait]({ signal })), ["not now"]);
    assertEquals(channel.sent, "");
    assertEquals(channel.calls, ["open"]);
    assertStrictEquals(barrier.note, undefined);
    assertFalse(barrier.isAborted);
    assertEquals(await outcomes(barrier.sync(), barrier.waitNext()), [
      true,
      "pending",
    ]);
  });

  Deno.test(`Barrier.${wait}() rejects for anything but a signal, and waits for nothing`, async () => {
    const { barrier, channel } = setUp({ barriers: 1 });
    const signal = "1 s" as unknown as AbortSignal;
    await assertRejects(() => barrier[wait]({ signal }), TypeError);
    assertFalse(channel.calls.includes("ref"));
  });

  Deno.test(`Barrier.${wait}() rejects when its signal is aborted, and disturbs no other wait`, async () => {
    const { barrier, channel } = setUp({ barriers: 1 });
    const controller = new AbortController();
    const cancelled = barrier[wait]({ signal: controller.signal });
    const others = WAITS.map((wait) => barrier[wait]());
    const reason = new Error("enough");
    controller.abort(reason);
    const [outcome] = await outcomes(cancelled);
    assertStrictEquals(outcome, reason);
    assertEquals(await outcomes(...others), Array(5).fill("pending"));
    channel.deliver("\n\n\n");
    channel.deliver("abort\n");
    assertEquals(await outcomes(...others), [true, true, true, true, true]);
  });

  Deno.test(`Barrier.${wait}() is not canceled when it has ended`, async () => {
    const { barrier, channel } = setUp({ barriers: 1 });
    const controller = new AbortController();
    const ended = barrier[wait]({ signal: controller.signal });
    channel.deliver(wait === "waitAbortion" ? "abort\n" : "\n\n");
    controller.abort();
    assertEquals(await outcomes(ended), [true]);
    const later = barrier.waitNext();
    assertEquals(await outcomes(later), [
      wait === "waitAbortion" ? false : "pending",
    ]);
  });

  Deno.test(`Barrier.${wait}() that was canceled takes nothing of what arrives later`, async () => {
    const { barrier, channel } = setUp({ barriers: 1 });
    const controller = new AbortController();
    const cancelled = barrier[wait]({ signal: controller.signal });
    controller.abort("enough");
    channel.deliver("\n");
    assertEquals(await outcomes(cancelled, barrier.waitNext()), [
      "enough",
      true,
    ]);
    assertEquals(await outcomes(barrier.waitNext()), ["pending"]);
  });

  Deno.test(`Barrier.${wait}() that was canceled does not see a hang-up`, async () => {
    const { barrier, channel } = setUp({ barriers: 1 });
    const controller = new AbortController();
    const cancelled = barrier[wait]({ signal: controller.signal });
    controller.abort("enough");
    channel.deliver("\n");
    channel.hangUp();
    assertFalse(barrier.theyAborted);
    assertEquals(await outcomes(cancelled, barrier.waitNext()), [
      "enough",
      true,
    ]);
  });

  Deno.test(`Barrier.${wait}() rejects with a TimeoutError when AbortSignal.timeout() fires`, async () => {
    const { barrier } = setUp({ barriers: 1 });
    await assertTimesOut((options) => barrier[wait](options));
  });

  Deno.test(`Barrier.${wait}() leaves no listener on its signal, however it ends`, async () => {
    for (const end of ENDS) {
      const fixture = setUp({ barriers: 1 });
      const { signal, listeners } = countedSignal();
      const ended = fixture.barrier[wait]({ signal });
      assertEquals(listeners.size, 1);
      end.act(fixture);
      await ended;
      assertEquals(listeners.size, 0);
    }
  });

  Deno.test(`Barrier.${wait}() listens to its signal only where it has to wait`, async () => {
    const { barrier, channel } = setUp();
    channel.deliver("\n\n");
    channel.hangUp();
    const { signal, listeners } = countedSignal();
    assert(await barrier[wait]({ signal }));
    assertEquals(listeners.size, 0);
  });
}

Deno.test("Barrier.placeAndSync() that is canceled has placed its barrier", async () => {
  const { barrier, channel } = setUp();
  const controller = new AbortController();
  const cancelled = barrier.placeAndSync({ signal: controller.signal });
  controller.abort("enough");
  assertEquals(channel.sent, "\n");
  const sync = barrier.sync();
  assertEquals(await outcomes(cancelled, sync), ["enough", "pending"]);
  channel.deliver("\n");
  assertEquals(await outcomes(sync), [true]);
});

Deno.test("Barrier.sync() that is canceled loses nothing of what had arrived", async () => {
  const { barrier, channel } = setUp({ barriers: 3 });
  const controller = new AbortController();
  const cancelled = barrier.sync({ signal: controller.signal });
  channel.deliver("\n");
  channel.deliver("+note\n");
  controller.abort("enough");
  assertEquals(await outcomes(cancelled), ["enough"]);
  assertStrictEquals(barrier.note, undefined);
  assertEquals(await outcomes(barrier.waitNext()), [true]);
  assertEquals(barrier.note, "note");
  const sync = barrier.sync();
  assertEquals(await outcomes(sync), ["pending"]);
  channel.deliver("\n");
  assertEquals(await outcomes(sync), [true]);
});

Deno.test("Barrier.sync() that is canceled leaves what had arrived to a pending wait", async () => {
  for (const wait of ["waitNext", "syncNext"] as const) {
    const { barrier, channel } = setUp({ barriers: 2 });
    const controller = new AbortController();
    const cancelled = barrier.sync({ signal: controller.signal });
    channel.deliver("\n");
    const pending = barrier[wait]();
    assertEquals(await outcomes(pending), ["pending"]);
    controller.abort("enough");
    assertEquals(await outcomes(cancelled, pending), ["enough", true]);
    assertEquals(await outcomes(barrier.waitNext()), ["pending"]);
  }
});

Deno.test("Barrier.sync() that is canceled leaves what had arrived to another sync()", async () => {
  const { barrier, channel } = setUp({ barriers: 2 });
  const controller = new AbortController();
  const cancelled = barrier.sync({ signal: controller.signal });
  const other = barrier.sync();
  channel.deliver("\n");
  controller.abort("enough");
  const next = barrier.waitNext();
  assertEquals(await outcomes(cancelled, other, next), [
    "enough",
    "pending",
    "pending",
  ]);
  channel.deliver("\n");
  assertEquals(await outcomes(other, next), [true, true]);
});

/** Cancels a sync() that had one of two barriers, with a wait after it. */
function cancelSync() {
  const { barrier, channel } = setUp({ barriers: 2 });
  const controller = new AbortController();
  const cancelled = barrier.sync({ signal: controller.signal });
  channel.deliver("\n");
  const next = barrier.waitNext();
  controller.abort("enough");
  return { barrier, channel, cancelled, next };
}

Deno.test("Barrier.sync() that is canceled leaves what had arrived to the wait before another sync()", async () => {
  const { barrier, cancelled, next } = cancelSync();
  const other = barrier.sync();
  assertEquals(await outcomes(cancelled, next, other), [
    "enough",
    true,
    "pending",
  ]);
});

Deno.test("Barrier.sync() that is canceled leaves what arrived to others, though the peer hangs up", async () => {
  const { barrier, channel, cancelled, next } = cancelSync();
  channel.hangUp();
  assertEquals(await outcomes(cancelled, next), ["enough", true]);
  assertFalse(barrier.theyAborted);
});

Deno.test("Barrier waits with the same signal are all canceled and lose nothing", async () => {
  const { barrier, channel } = setUp({ barriers: 2 });
  const controller = new AbortController();
  const sync = barrier.sync({ signal: controller.signal });
  channel.deliver("\n");
  const next = barrier.waitNext({ signal: controller.signal });
  controller.abort("enough");
  assertEquals(await outcomes(sync, next), ["enough", "enough"]);
  assertEquals(await outcomes(barrier.waitNext()), [true]);
});

Deno.test("Barrier.waitNext() canceled while a barrier is on its way rejects and loses nothing", async () => {
  const [parent, child] = Barrier.pair();
  const controller = new AbortController();
  const cancelled = parent.waitNext({ signal: controller.signal });
  child.place();
  controller.abort("enough");
  assertEquals(await outcomes(cancelled), ["enough"]);
  assertEquals(await outcomes(parent.waitNext()), [true]);
});

for (
  const [what, act, later] of [
    ["abort()", ({ barrier }) => barrier.abort(), false],
    ["destroy()", ({ barrier }) => barrier.destroy(), false],
    ["the peer's abortion", ({ channel }) => channel.deliver("abort\n"), false],
    ["another barrier", ({ channel }) => channel.deliver("\n"), true],
  ] as [string, (fixture: Fixture) => void, boolean][]
) {
  Deno.test(`Barrier.sync() that is canceled leaves what arrived to others before ${what}`, async () => {
    const { cancelled, next, ...fixture } = cancelSync();
    act(fixture);
    assertEquals(await outcomes(cancelled, next, fixture.barrier.waitNext()), [
      "enough",
      true,
      later,
    ]);
  });
}
