// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers that are consumed one at a time by calls. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Barrier, type BarrierChannel } from "../barrier.ts";
import { WAITS } from "./_helpers/barriers.ts";
import { flushMicrotasks, isPending } from "./_helpers/event_loop.ts";
import { setUp, TestChannel } from "./_helpers/test_channel.ts";

const ENDS: [what: string, end: (fixture: ReturnType<typeof setUp>) => void][] =
  [
    ["the peer aborts", ({ channel }) => channel.deliver("abort why\n")],
    ["this side aborts", ({ barrier }) => barrier.abort("why")],
    ["the peer hangs up", ({ channel }) => channel.hangUp()],
    ["this side is destroyed", ({ barrier }) => barrier.destroy()],
    ["the peer breaks the protocol", ({ channel }) => channel.deliver("x\n")],
  ];

Deno.test("Barrier.receive() resolves to the note of its own barrier", async () => {
  const { barrier, channel } = setUp({ barriers: 4 });
  channel.deliver("+one\n\n+three\n+four\n");
  assertEquals(await barrier.receive(), "one");
  assertEquals(barrier.note, "one");
  assertStrictEquals(await barrier.receive(), undefined);
  assertStrictEquals(barrier.note, undefined);
  const pending = [barrier.receive(), barrier.receive(), barrier.receive()];
  assertEquals(await pending[0], "three");
  assertEquals(await pending[1], "four");
  assert(await barrier.sync()); // four were consumed
  channel.deliver("+five\n+six\n");
  assertEquals(await pending[2], "five");
  assert(await barrier.waitNext());
  assertEquals(barrier.note, "six");
});

for (const [what, end] of ENDS) {
  Deno.test(`Barrier.receive() rejects with the signal's reason when ${what}`, async () => {
    const fixture = setUp();
    const pending = [fixture.barrier.receive(), fixture.barrier.receive()];
    end(fixture);
    pending.push(fixture.barrier.receive());
    const { reason } = fixture.barrier.signal;
    for (const result of await Promise.allSettled(pending)) {
      assertEquals(result.status, "rejected");
      assertStrictEquals((result as PromiseRejectedResult).reason, reason);
    }
  });
}

Deno.test("Barrier.receive() consumes what arrived before a hang-up, and then rejects", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("+one\n");
  channel.hangUp();
  assertEquals(await barrier.receive(), "one");
  const error = await assertRejects(() => barrier.receive());
  assertStrictEquals(error, barrier.signal.reason);
  assert(barrier.theyAborted);
});

Deno.test("Barrier.receive() that is canceled consumes nothing", async () => {
  const { barrier, channel } = setUp();
  const controller = new AbortController();
  const { signal } = controller;
  const canceled = barrier.receive({ signal });
  const other = barrier.receive();
  controller.abort("enough");
  channel.deliver("+one\n");
  assertEquals(await canceled.catch((reason) => reason), "enough");
  assertEquals(await other, "one");
  channel.deliver("+two\n");
  const late = barrier.receive({ signal });
  assertEquals(await late.catch((reason) => reason), "enough");
  assertEquals(await barrier.receive(), "two");
});

Deno.test("Barrier.receive() and steps of iterations are served in the order of their calls", async () => {
  const { barrier, channel } = setUp();
  const iterator = barrier[Symbol.asyncIterator]();
  const steps = [barrier.receive(), iterator.next(), barrier.receive()];
  channel.deliver("+one\n+two\n+three\n");
  assertEquals(await Promise.all<unknown>(steps), [
    "one",
    { done: false, value: "two" },
    "three",
  ]);
});

Deno.test("Barrier's iterator cancels its own steps only", async () => {
  const { barrier, channel } = setUp();
  const one = barrier[Symbol.asyncIterator]();
  const other = barrier[Symbol.asyncIterator]();
  const steps = [one.next(), other.next(), barrier.receive(), one.next()];
  await one.return!();
  const done = { done: true, value: undefined };
  assertEquals([await steps[0], await steps[3]], [done, done]);
  assert(await isPending(steps[1]!));
  channel.deliver("+one\n+two\n");
  assertEquals(await steps[1], { done: false, value: "one" });
  assertEquals(await steps[2], "two");
});

Deno.test("Barrier.receive() keeps its channel ref'ed from one call to the next", async () => {
  const { barrier, channel } = setUp();
  const received = (async () => {
    for (let i = 0; i < 3; i++) await barrier.receive();
  })();
  for (let i = 0; i < 3; i++) {
    assertEquals(channel.calls, ["open", "ref"]);
    channel.deliver("\n");
    await flushMicrotasks();
  }
  await received;
  assertEquals(channel.calls, ["open", "ref", "unref"]);
});

/** A channel that has something to deliver whenever it is needed. */
class EagerChannel extends TestChannel {
  override ref(): void {
    super.ref();
    this.deliver("+eager\n");
  }
}

Deno.test("Barrier serves every wait from what its channel delivers within ref()", async () => {
  const make = () => new Barrier(new EagerChannel(false), { barriers: 1 });
  assertEquals(await make().receive(), "eager");
  assert(await make().waitNext());
  assert(await make().syncNext());
  assert(await make().sync());
  for await (const note of make()) {
    assertEquals(note, "eager");
    break;
  }
});

Deno.test("Barrier counts what it places before its channel delivers within send()", async () => {
  class Echo extends TestChannel {
    override send(bytes: Uint8Array): void {
      super.send(bytes);
      this.deliver(bytes);
    }
  }
  const barrier = new Barrier(new Echo(false), { barriers: 1 });
  const sync = barrier.sync();
  barrier.place();
  assert(await isPending(sync)); // two were placed, one has arrived
  barrier.place();
  assert(await isPending(sync));
});

Deno.test("Barrier's waits reject with a TypeError where 'signal' is not an AbortSignal", async () => {
  const { barrier, channel } = setUp();
  for (const wait of [...WAITS, "receive"] as const) {
    for (const [signal, shown] of [[null, "null"], [5, "5"], [{}, "{}"]]) {
      const error = await assertRejects(
        () => barrier[wait]({ signal } as { signal: AbortSignal }),
        TypeError,
      );
      assertEquals(
        error.message,
        `Cannot wait: 'signal' must be an AbortSignal, received ${shown}`,
      );
    }
  }
  assertEquals([channel.sent, channel.calls], ["", ["open"]]);
});

Deno.test("Barrier() throws a TypeError where the channel is none", () => {
  for (
    const [channel, missing, shown] of [
      [undefined, "open", "undefined"],
      ["fd", "open", '"fd"'],
      [{ open() {} }, "send", "{}"],
    ]
  ) {
    const error = assertThrows(
      () => new Barrier(channel as unknown as BarrierChannel),
      TypeError,
    );
    assertEquals(
      error.message,
      `Cannot create a barrier: the channel must have a method '${missing}', received ${shown}`,
    );
  }
});

Deno.test("Barrier.receive() rejects with a stack that begins at its call", async () => {
  const { barrier, channel } = setUp();
  async function caller() {
    await barrier.receive();
  }
  const result = caller();
  channel.hangUp();
  const error = await assertRejects(() => result, Error);
  const frames = error.stack!.split("\n").slice(1);
  const ours = frames.find((frame) => frame.includes("file:"));
  assertStringIncludes(ours!, "at async caller");
});
