// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The signal of a barrier, and the reasons it gives. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { BarrierAbortedError } from "../barrier.ts";
import { failure, HUNG_UP } from "./_helpers/barriers.ts";
import { flushMicrotasks } from "./_helpers/event_loop.ts";
import { json, runBarrierProgram } from "./_helpers/scripts.ts";
import { type Fixture, setUp } from "./_helpers/test_channel.ts";

Deno.test("Barrier.signal is always the same, and not aborted at first", () => {
  const { barrier } = setUp();
  const { signal } = barrier;
  assertFalse(signal.aborted);
  barrier.abort();
  assertStrictEquals(barrier.signal, signal);
  assert(signal.aborted);
});

const FAILURES: [
  name: string,
  act: (fixture: Fixture) => void,
  expected: Pick<BarrierAbortedError, "kind" | "side" | "reason">,
  message: string,
][] = [
  [
    "abort()",
    ({ barrier }) => barrier.abort(),
    { kind: "aborted", side: "local", reason: undefined },
    "Barrier aborted by this side",
  ],
  [
    "abort() with a reason",
    ({ barrier }) => barrier.abort("disk full"),
    { kind: "aborted", side: "local", reason: undefined },
    "Barrier aborted by this side: disk full",
  ],
  [
    "the peer's abortion",
    ({ channel }) => channel.deliver("abort\n"),
    { kind: "aborted", side: "peer", reason: undefined },
    "Barrier aborted by the peer",
  ],
  [
    "the peer's abortion with a reason",
    ({ channel }) => channel.deliver("abort disk full\n"),
    { kind: "aborted", side: "peer", reason: "disk full" },
    "Barrier aborted by the peer: disk full",
  ],
  [
    "destroy()",
    ({ barrier }) => barrier.destroy(),
    { kind: "destroyed", side: "local", reason: undefined },
    "Barrier destroyed by this side",
  ],
  [
    "a hang-up",
    ({ channel }) => channel.hangUp(),
    { kind: "closed", side: "peer", reason: undefined },
    HUNG_UP,
  ],
  [
    "a violation",
    ({ channel }) => channel.deliver("\t\n"),
    { kind: "violation", side: "peer", reason: undefined },
    String.raw`Cannot read "\x09" from the peer: it has control characters`,
  ],
];

for (const [name, act, expected, message] of FAILURES) {
  Deno.test(`Barrier.signal is aborted by ${name}, asked for before or after`, async () => {
    const before = setUp();
    let events = 0;
    before.barrier.signal.addEventListener("abort", () => events++);
    act(before);
    await flushMicrotasks();
    assertEquals(events, 1);
    const after = setUp();
    act(after);
    for (const { barrier } of [before, after]) {
      const error = failure(barrier);
      assertEquals(error.message, message);
      assertEquals(error.name, "BarrierAbortedError");
      const { kind, side, reason } = error;
      assertEquals({ kind, side, reason }, expected);
      assertStrictEquals(error.status, undefined);
      assertThrows(() => barrier.signal.throwIfAborted(), BarrierAbortedError);
    }
  });
}

for (const line of ["abort\n", "\t\n"]) {
  Deno.test(`Barrier.signal calls no listener within the read of ${json(line)}`, async () => {
    const { barrier, channel } = setUp();
    const events: string[] = [];
    barrier.signal.addEventListener("abort", () => events.push("aborted"));
    const waiting = barrier.waitNext().then(() => events.push("waited"));
    channel.deliver(line);
    assertEquals(events, []);
    await waiting;
    assertEquals(events, ["aborted", "waited"]);
  });
}

Deno.test("Barrier.signal is aborted for who asks in the turn of an abort", () => {
  const { barrier, channel } = setUp();
  const { signal } = barrier;
  channel.deliver("abort\n");
  assert(barrier.theyAborted);
  assert(barrier.signal.aborted);
  assertStrictEquals(barrier.signal, signal);
});

Deno.test("Barrier.signal has the channel's own error of a hang-up as its reason", () => {
  const { barrier, channel } = setUp();
  const status = { success: false, code: 3, signal: null };
  const cause = new Error("reset");
  const error = new BarrierAbortedError("Child process 4711 exited", {
    kind: "exited",
    side: "peer",
    status,
    cause,
  });
  channel.hangUp(error);
  assertStrictEquals(barrier.signal.reason, error);
  assertStrictEquals(error.status, status);
  assertStrictEquals(error.cause, cause);
});

Deno.test("BarrierAbortedError can be constructed where Error.prototype is frozen", async () => {
  const { stdout, stderr } = await runBarrierProgram(`
    Object.freeze(Error.prototype);
    const [parent, child] = Barrier.pair();
    child.abort("disk full");
    await parent.waitAbortion();
    console.log(String(parent.signal.reason));
  `);
  assertEquals(
    [stdout, stderr],
    ["BarrierAbortedError: Barrier aborted by the peer: disk full\n", ""],
  );
});

Deno.test("Barrier.signal keeps its first reason", () => {
  const { barrier, channel } = setUp();
  barrier.abort("mine");
  channel.deliver("abort theirs\n");
  channel.hangUp();
  assertEquals(failure(barrier).message, "Barrier aborted by this side: mine");
});

Deno.test("Barrier.signal shows a hang-up immediately, and waits still take what arrived", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("+last words\n");
  channel.hangUp();
  assert(barrier.signal.aborted);
  assertFalse(barrier.isAborted);
  assert(await barrier.waitNext());
  assertEquals(barrier.note, "last words");
});

Deno.test("Barrier.signal is not aborted by an end that a wait has not met", async () => {
  const { barrier, channel } = setUp();
  const { signal } = barrier;
  const error = new BarrierAbortedError("closed", {
    kind: "closed",
    side: "peer",
  });
  channel.deliver("\n");
  channel.receiver.end(error);
  assert(await barrier.waitNext());
  assertFalse(signal.aborted);
  assertFalse(await barrier.waitNext());
  assertStrictEquals(signal.reason, error);
});

Deno.test("Barrier.signal has the cause of abort() as that of its reason", () => {
  const { barrier } = setUp();
  const cause = new Error("why");
  barrier.abort("because", { cause });
  assertStrictEquals(failure(barrier).cause, cause);
});

Deno.test("Barrier.signal listeners can call the barrier", async () => {
  const { barrier, channel } = setUp({ barriers: 1 });
  const pending = barrier.sync();
  let later: Promise<boolean> | undefined;
  barrier.signal.addEventListener("abort", () => {
    assertFalse(barrier.place());
    assertFalse(barrier.abort("me too"));
    later = barrier.waitNext();
    barrier.destroy();
  });
  channel.deliver("abort\n\n+note\nhello\n");
  assertFalse(await pending);
  assertFalse(await later!);
  assertEquals(channel.sent, "abort me too\n");
});

Deno.test("Barrier.signal makes the channel watch when it is first asked for", () => {
  const asked = setUp();
  assertStrictEquals(asked.barrier.signal, asked.barrier.signal);
  assertEquals(asked.channel.calls, ["open", "watch"]);

  const aborted = setUp();
  aborted.barrier.abort();
  assert(aborted.barrier.signal.aborted);
  assertEquals(aborted.channel.calls, ["open"]);

  const destroyed = setUp();
  destroyed.barrier.destroy();
  assert(destroyed.barrier.signal.aborted);
  assertEquals(destroyed.channel.calls, ["open", "close"]);
});
