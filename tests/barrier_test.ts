// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  Barrier,
  BarrierAbortedError,
  type BarrierChannel,
  type BarrierOptions,
  type BarrierReceiver,
} from "../barrier.ts";
import { flushMicrotasks } from "./_helpers/event_loop.ts";
import { countedSignal } from "./_helpers/signals.ts";

const WAITS = [
  "waitNext",
  "syncNext",
  "sync",
  "placeAndSync",
  "waitAbortion",
] as const;

/** What ends every wait. */
const ENDS: { name: string; act: (fixture: Fixture) => void }[] = [
  {
    name: "what they wait for",
    act({ channel }) {
      channel.deliver("\n\n");
      channel.deliver("abort\n");
    },
  },
  { name: "an abortion", act: ({ channel }) => channel.deliver("abort\n") },
  { name: "a hang-up", act: ({ channel }) => channel.hangUp() },
  { name: "a violation", act: ({ channel }) => channel.deliver("hello\n") },
  { name: "destroy()", act: ({ barrier }) => barrier.destroy() },
];

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A channel whose other end is the test. */
class TestChannel implements BarrierChannel {
  readonly acceptsText: boolean;
  receiver!: BarrierReceiver;
  sent = "";
  /** The calls but `send`, in order. */
  readonly calls: string[] = [];

  constructor(acceptsText: boolean) {
    this.acceptsText = acceptsText;
  }

  open(receiver: BarrierReceiver): void {
    this.calls.push("open");
    this.receiver = receiver;
  }

  send(bytes: Uint8Array): void {
    this.sent += decoder.decode(bytes);
  }

  close(): void {
    this.calls.push("close");
  }

  ref(): void {
    this.calls.push("ref");
  }

  unref(): void {
    this.calls.push("unref");
  }

  watch(): void {
    this.calls.push("watch");
  }

  deliver(data: string | Uint8Array): void {
    this.receiver.receive(
      typeof data === "string" ? encoder.encode(data) : data,
    );
  }

  hangUp(error?: BarrierAbortedError): void {
    this.receiver.hangUp(error);
  }
}

interface Fixture {
  barrier: Barrier;
  channel: TestChannel;
}

function setUp(options: BarrierOptions = {}, acceptsText = false): Fixture {
  const channel = new TestChannel(acceptsText);
  return { barrier: new Barrier(channel, options), channel };
}

/** What each wait has come to: its result, why it rejected, or "pending". */
async function outcomes(...waits: Promise<boolean>[]): Promise<unknown[]> {
  const watched = waits.map(watch);
  await flushMicrotasks();
  return watched.map(({ outcome }) => outcome);
}

function watch(wait: Promise<boolean>): { outcome: unknown } {
  const watched: { outcome: unknown } = { outcome: "pending" };
  wait.then(
    (result) => watched.outcome = result,
    (reason) => watched.outcome = reason,
  );
  return watched;
}

/** Takes what has arrived and counts it, where nothing was placed before. */
async function takeAll(barrier: Barrier): Promise<number> {
  for (let count = 0;; count++) {
    barrier.place();
    const [synced] = await outcomes(barrier.sync());
    if (synced !== true) return count;
  }
}

/** The flags that are set. */
function flags(barrier: Barrier): string[] {
  return (["iAborted", "theyAborted", "weAborted", "isAborted"] as const)
    .filter((flag) => barrier[flag]);
}

/** Why a barrier cannot go on. */
function failure(barrier: Barrier): BarrierAbortedError {
  const { aborted, reason } = barrier.signal;
  assert(aborted);
  assertInstanceOf(reason, BarrierAbortedError);
  return reason;
}

// Making one

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
      `Cannot create a barrier as 'barriers' must be a safe integer: received ${barriers}`,
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

// Placing and notes

Deno.test("Barrier.place() sends an empty line, or one with a note", () => {
  const { barrier, channel } = setUp();
  assert(barrier.place());
  assertEquals(channel.sent, "\n");
  assert(barrier.place("listening on :80"));
  assert(barrier.place(""));
  assertEquals(channel.sent, "\n+listening on :80\n+\n");
});

Deno.test("Barrier.place() sends nothing and gives false once either side aborted", () => {
  const local = setUp();
  local.barrier.abort();
  assertFalse(local.barrier.place());
  assertEquals(local.channel.sent, "abort\n");

  const peer = setUp();
  peer.channel.deliver("abort\n");
  assertFalse(peer.barrier.place());
  assertEquals(peer.channel.sent, "");
});

Deno.test("Barrier.place() gives true when the peer has hung up", () => {
  const { barrier, channel } = setUp();
  channel.hangUp();
  assert(barrier.place());
  assertFalse(barrier.isAborted);
});

Deno.test("Barrier.place() takes a note of up to 4,095 bytes", async () => {
  for (const note of ["x".repeat(4_095), "é".repeat(2_047) + "x"]) {
    const [parent, child] = Barrier.pair();
    assert(child.place(note));
    assert(await parent.waitNext());
    assertEquals(parent.note, note);
  }
  for (const note of ["x".repeat(4_096), "é".repeat(2_048)]) {
    const { barrier, channel } = setUp();
    const error = assertThrows(() => barrier.place(note), RangeError);
    assertEquals(
      error.message,
      "Cannot send note of 4096 bytes: it must fit 4095 bytes",
    );
    assertEquals(channel.sent, "");
    assertEquals(await outcomes(barrier.sync()), [true]); // it was not placed
  }
});

Deno.test("Barrier.place() throws on a note that is not one line of text", async () => {
  const { barrier, channel } = setUp();
  for (
    const [note, shown] of [
      ["two\nlines", String.raw`two\x0alines`],
      ["\r", String.raw`\x0d`],
      ["\0", String.raw`\x00`],
      ["\t", String.raw`\x09`],
      ["\x7f", String.raw`\x7f`],
      ["\x85", String.raw`\xc2\x85`],
      ["\ud800", String.raw`\xef\xbf\xbd`],
      ["\udc00\ud800", String.raw`\xef\xbf\xbd\xef\xbf\xbd`],
    ] as const
  ) {
    const error = assertThrows(() => barrier.place(note), TypeError);
    assertEquals(
      error.message,
      `Cannot send note "${shown}": expected one line of text without control characters`,
    );
  }
  assertEquals(channel.sent, "");
  assertEquals(await outcomes(barrier.sync()), [true]); // nothing was placed
});

Deno.test("Barrier.place() throws on a note that is not a string", () => {
  const { barrier, channel } = setUp();
  for (const note of [8000, null, {}, ["note"]]) {
    const error = assertThrows(
      () => barrier.place(note as unknown as string),
      TypeError,
    );
    assertEquals(
      error.message,
      `Cannot send note: expected a string, received ${typeof note}`,
    );
  }
  assertEquals(channel.sent, "");
});

Deno.test("Barrier.note is that of the newest barrier taken that had one", async () => {
  const { barrier, channel } = setUp();
  assertStrictEquals(barrier.note, undefined);
  channel.deliver("+first\n");
  assertStrictEquals(barrier.note, undefined);

  await barrier.waitNext();
  assertEquals(barrier.note, "first");
  channel.deliver("\n");
  await barrier.waitNext();
  assertEquals(barrier.note, "first");
  channel.deliver("+second\n+third\n\n");
  await barrier.waitNext();
  assertEquals(barrier.note, "third");
  channel.deliver("+\n");
  await barrier.waitNext();
  assertEquals(barrier.note, "");
});

Deno.test("Barrier.note is untouched by waits that take nothing", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("+note\n");
  assert(await barrier.sync());
  assert(await barrier.syncNext());
  assertEquals(await outcomes(barrier.waitAbortion()), ["pending"]);
  assertStrictEquals(barrier.note, undefined);
});

Deno.test("Barrier.note is not that of a barrier which an abortion cancelled", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("+taken\n");
  await barrier.waitNext();
  channel.deliver("+cancelled\nabort\n");
  assertFalse(await barrier.waitNext());
  assertEquals(barrier.note, "taken");
});

// Aborting and flags

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
      "expected one line of text without control characters",
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

// signal

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
  side: "local" | "peer",
  message: string,
][] = [
  [
    "abort()",
    ({ barrier }) => barrier.abort(),
    "local",
    "Barrier aborted by this side",
  ],
  [
    "abort() with a reason",
    ({ barrier }) => barrier.abort("disk full"),
    "local",
    "Barrier aborted by this side: disk full",
  ],
  [
    "the peer's abortion",
    ({ channel }) => channel.deliver("abort\n"),
    "peer",
    "Barrier aborted by the peer",
  ],
  [
    "the peer's abortion with a reason",
    ({ channel }) => channel.deliver("abort disk full\n"),
    "peer",
    "Barrier aborted by the peer: disk full",
  ],
  [
    "a hang-up",
    ({ channel }) => channel.hangUp(),
    "peer",
    "Peer hung up before it reached the barrier",
  ],
  [
    "a violation",
    ({ channel }) => channel.deliver("\t\n"),
    "peer",
    String.raw`Cannot read "\x09" from the peer: it has control characters`,
  ],
];

for (const [name, act, side, message] of FAILURES) {
  Deno.test(`Barrier.signal is aborted by ${name}, asked for before or after`, () => {
    const before = setUp();
    let events = 0;
    before.barrier.signal.addEventListener("abort", () => events++);
    act(before);
    assertEquals(events, 1);
    const after = setUp();
    act(after);
    for (const { barrier } of [before, after]) {
      const error = failure(barrier);
      assertEquals(error.message, message);
      assertEquals(error.name, "BarrierAbortedError");
      assertEquals(error.side, side);
      assertStrictEquals(error.status, undefined);
      assertThrows(() => barrier.signal.throwIfAborted(), BarrierAbortedError);
    }
  });
}

Deno.test("Barrier.signal has the channel's own error of a hang-up as its reason", () => {
  const { barrier, channel } = setUp();
  const status = { success: false, code: 3, signal: null };
  const cause = new Error("reset");
  const error = new BarrierAbortedError("Child process 4711 exited", {
    side: "peer",
    status,
    cause,
  });
  channel.hangUp(error);
  assertStrictEquals(barrier.signal.reason, error);
  assertStrictEquals(error.status, status);
  assertStrictEquals(error.cause, cause);
});

Deno.test("Barrier.signal keeps its first reason", () => {
  const { barrier, channel } = setUp();
  barrier.abort("mine");
  channel.deliver("abort theirs\n");
  channel.hangUp();
  assertEquals(failure(barrier).message, "Barrier aborted by this side: mine");
});

Deno.test("Barrier.signal shows a hang-up at once, and waits still take what arrived", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("+last words\n");
  channel.hangUp();
  assert(barrier.signal.aborted);
  assertFalse(barrier.isAborted);
  assert(await barrier.waitNext());
  assertEquals(barrier.note, "last words");
});

Deno.test("Barrier.signal is not aborted by destroy()", () => {
  const { barrier, channel } = setUp();
  const { signal } = barrier;
  barrier.destroy();
  barrier.abort();
  channel.deliver("abort\n");
  channel.hangUp();
  assertFalse(signal.aborted);
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
  assertFalse(destroyed.barrier.signal.aborted);
  assertEquals(destroyed.channel.calls, ["open", "close"]);
});

// Several waits at once

Deno.test("Barrier.waitNext() and syncNext() are all served by one barrier", async () => {
  const { barrier, channel } = setUp({ barriers: 1 });
  const waits = [
    barrier.waitNext(),
    barrier.syncNext(),
    barrier.waitNext(),
    barrier.syncNext(),
  ];
  assertEquals(await outcomes(...waits), Array(4).fill("pending"));
  channel.deliver("\n");
  assertEquals(await outcomes(...waits), Array(4).fill(true));
  assertEquals(await outcomes(barrier.waitNext()), ["pending"]); // it was taken
});

Deno.test("Barrier.sync() is served for all when the peer has caught up", async () => {
  const { barrier, channel } = setUp({ barriers: 2 });
  const waits = [barrier.sync(), barrier.sync(), barrier.waitNext()];
  channel.deliver("\n");
  assertEquals(await outcomes(...waits), ["pending", "pending", true]);
  channel.deliver("\n");
  assertEquals(await outcomes(...waits), [true, true, true]);
  assertEquals(await outcomes(barrier.waitNext()), ["pending"]);
});

Deno.test("Barrier.sync() takes what arrives before a later waitNext() can", async () => {
  const { barrier, channel } = setUp({ barriers: 3 });
  const sync = barrier.sync();
  channel.deliver("\n");
  const waits = [sync, barrier.waitNext(), barrier.syncNext()];
  channel.deliver("+half a li");
  assertEquals(await outcomes(...waits), ["pending", "pending", "pending"]);
  channel.deliver("ne\n");
  assertEquals(await outcomes(...waits), ["pending", true, true]);
  channel.deliver("\n");
  assertEquals(await outcomes(...waits), [true, true, true]);
});

Deno.test("Barrier.sync() waits for what is placed while it is pending", async () => {
  const { barrier, channel } = setUp();
  const sync = barrier.placeAndSync();
  barrier.place();
  channel.deliver("\n");
  assertEquals(await outcomes(sync), ["pending"]);
  channel.deliver("\n");
  assertEquals(await outcomes(sync), [true]);
});

Deno.test("Barrier.waitNext() takes all that has arrived", async () => {
  const { barrier, channel } = setUp({ barriers: 3 });
  channel.deliver("\n\n");
  assert(await barrier.waitNext());
  const waits = [barrier.waitNext(), barrier.sync()];
  assertEquals(await outcomes(...waits), ["pending", "pending"]);
  channel.deliver("\n\n");
  assertEquals(await outcomes(...waits), [true, true]);
  assertEquals(await takeAll(barrier), 1); // one more than was placed
});

Deno.test("Barrier.waitAbortion() disturbs nobody and takes nothing", async () => {
  const { barrier, channel } = setUp();
  const abortions = [barrier.waitAbortion(), barrier.waitAbortion()];
  channel.deliver("\n");
  assertEquals(await outcomes(...abortions), ["pending", "pending"]);
  assertEquals(await outcomes(barrier.waitNext()), [true]);
  const next = barrier.waitNext();
  channel.deliver("\n");
  assertEquals(await outcomes(next, ...abortions), [
    true,
    "pending",
    "pending",
  ]);
  channel.deliver("abort\n");
  assertEquals(await outcomes(...abortions), [true, true]);
});

Deno.test("Barrier waits of every kind are ended by the peer's abortion and by its hang-up", async () => {
  for (const end of ["abortion", "hang-up"]) {
    const { barrier, channel } = setUp({ barriers: 2 });
    const waits = WAITS.map((wait) => barrier[wait]());
    if (end === "abortion") channel.deliver("abort\n");
    else channel.hangUp();
    const expected = [false, false, false, false, true];
    assertEquals(await outcomes(...waits), expected);
    const later = WAITS.map((wait) => barrier[wait]());
    assertEquals(await outcomes(...later), expected);
  }
});

Deno.test("Barrier.waitAbortion() counts an abortion that the peer answers at once", async () => {
  const { barrier, channel } = setUp();
  const abortion = barrier.waitAbortion();
  channel.send = () => channel.deliver("abort\n");
  assertFalse(barrier.abort());
  assertEquals(await outcomes(abortion), [false]);
});

// Cancelled waits

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

  Deno.test(`Barrier.${wait}() rejects for what is no signal, and waits for nothing`, async () => {
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

  Deno.test(`Barrier.${wait}() is not cancelled when it has ended`, async () => {
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

  Deno.test(`Barrier.${wait}() that was cancelled takes nothing of what arrives later`, async () => {
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

  Deno.test(`Barrier.${wait}() that was cancelled does not see a hang-up`, async () => {
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
    const error = await assertRejects(
      () => barrier[wait]({ signal: AbortSignal.timeout(1) }),
      DOMException,
    );
    assertEquals(error.name, "TimeoutError");
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

Deno.test("Barrier.placeAndSync() that is cancelled has placed its barrier", async () => {
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

Deno.test("Barrier.sync() that is cancelled loses nothing of what had arrived", async () => {
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

Deno.test("Barrier.sync() that is cancelled leaves what had arrived to a pending wait", async () => {
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

Deno.test("Barrier.sync() that is cancelled leaves what had arrived to another sync()", async () => {
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

/** Cancels a sync() that had one of two barriers, with a wait behind it. */
function cancelSync() {
  const { barrier, channel } = setUp({ barriers: 2 });
  const controller = new AbortController();
  const cancelled = barrier.sync({ signal: controller.signal });
  channel.deliver("\n");
  const next = barrier.waitNext();
  controller.abort("enough");
  return { barrier, channel, cancelled, next };
}

Deno.test("Barrier.sync() that is cancelled leaves what had arrived to a wait that came before another sync()", async () => {
  const { barrier, cancelled, next } = cancelSync();
  const other = barrier.sync();
  assertEquals(await outcomes(cancelled, next, other), [
    "enough",
    true,
    "pending",
  ]);
});

Deno.test("Barrier.sync() that is cancelled leaves what had arrived to another wait, though the peer hangs up", async () => {
  const { barrier, channel, cancelled, next } = cancelSync();
  channel.hangUp();
  assertEquals(await outcomes(cancelled, next), ["enough", true]);
  assertFalse(barrier.theyAborted);
});

Deno.test("Barrier waits with the same signal are all cancelled and lose nothing", async () => {
  const { barrier, channel } = setUp({ barriers: 2 });
  const controller = new AbortController();
  const sync = barrier.sync({ signal: controller.signal });
  channel.deliver("\n");
  const next = barrier.waitNext({ signal: controller.signal });
  controller.abort("enough");
  assertEquals(await outcomes(sync, next), ["enough", "enough"]);
  assertEquals(await outcomes(barrier.waitNext()), [true]);
});

Deno.test("Barrier.waitNext() cancelled while a barrier is on its way rejects and loses nothing", async () => {
  const [parent, child] = Barrier.pair();
  const controller = new AbortController();
  const cancelled = parent.waitNext({ signal: controller.signal });
  child.place();
  controller.abort("enough");
  assertEquals(await outcomes(cancelled), ["enough"]);
  assertEquals(await outcomes(parent.waitNext()), [true]);
});

// Ending

Deno.test("Barrier.destroy() hangs up behind what was placed", async () => {
  const [parent, child] = Barrier.pair();
  child.place("last words");
  child.destroy();
  assert(await parent.waitNext());
  assertEquals(parent.note, "last words");
  assertFalse(await parent.waitNext());
  assertEquals(
    failure(parent).message,
    "Peer hung up before it reached the barrier",
  );
});

Deno.test("Barrier.destroy() ends pending waits, and later calls give false", async () => {
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

// The event loop

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
  assertEquals(channel.calls, ["open", "ref", "unref"]);
});

for (const { name, act } of ENDS) {
  Deno.test(`Barrier unrefs its channel once when all waits are ended by ${name}`, () => {
    const fixture = setUp({ barriers: 1 });
    for (const wait of WAITS) fixture.barrier[wait]();
    act(fixture);
    assertEquals(
      fixture.channel.calls.filter((call) => call !== "close"),
      ["open", "ref", "unref"],
    );
  });
}

Deno.test("Barrier keeps its channel ref'ed for waitAbortion() after abort()", () => {
  const { barrier, channel } = setUp({ barriers: 1 });
  barrier.sync();
  barrier.waitAbortion();
  barrier.abort();
  assertEquals(channel.calls, ["open", "ref"]);
  channel.deliver("abort\n");
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

// Any calls in any order

type Wait = "waitNext" | "syncNext" | "sync" | "waitAbortion";
type Command =
  | { call: Wait | "place" | "abort" | "abortion" | "hangUp" | "destroy" }
  | { call: "arrive"; count: number }
  | { call: "cancel"; index: number };

/**
 * The rules as the documentation has them: a sync takes what arrives while it
 * is pending, and gives it back when it is cancelled.
 */
class Model {
  barriers = 0;
  pending = 0;
  /** What pending syncs took, and nobody else. */
  lent = 0;
  iAborted = false;
  theyAborted = false;
  hungUp = false;
  destroyed = false;
  readonly waits: { call: Wait; outcome: unknown }[] = [];

  get outcomes(): unknown[] {
    return this.waits.map(({ outcome }) => outcome);
  }

  run(command: Command): void {
    switch (command.call) {
      case "place":
        if (!this.#over()) this.barriers++;
        return;
      case "abort":
        if (this.destroyed) return;
        this.iAborted = true;
        return this.#end(false, "waitNext", "syncNext", "sync");
      case "arrive":
        if (this.theyAborted || this.hungUp || this.destroyed) return;
        this.pending += command.count;
        return this.#serve();
      case "abortion":
        if (!this.hungUp && !this.destroyed) this.#theyAbort();
        return;
      case "hangUp":
        if (this.destroyed) return;
        this.hungUp = true;
        if (this.outcomes.includes("pending")) this.#theyAbort();
        return;
      case "destroy":
        this.destroyed = true;
        return this.#end(false, "waitNext", "syncNext", "sync", "waitAbortion");
      case "cancel": {
        const wait = this.waits[command.index];
        if (wait?.outcome !== "pending") return;
        wait.outcome = "cancelled";
        if (this.#has("sync")) return;
        this.barriers += this.lent;
        this.pending += this.lent;
        this.lent = 0;
        return this.#serve();
      }
      default:
        this.waits.push({ call: command.call, outcome: "pending" });
        this.waits.at(-1)!.outcome = this.#wait(command.call);
    }
  }

  #wait(call: Wait): unknown {
    if (this.destroyed) return false;
    if (call === "waitAbortion") {
      if (this.hungUp) this.#theyAbort();
      return this.theyAborted ? !this.iAborted : "pending";
    }
    if (this.#over()) return false;
    if (call !== "waitNext" && this.barriers <= 0) return true;
    if (this.pending > 0) {
      this.#serve();
      if (call !== "sync" || this.barriers <= 0) return true;
    }
    if (this.hungUp) {
      this.#theyAbort();
      return false;
    }
    return "pending";
  }

  #serve(): void {
    const next = this.#has("waitNext", "syncNext");
    if (this.pending === 0 || !next && !this.#has("sync")) return;
    this.barriers -= this.pending;
    this.lent = next ? 0 : this.lent + this.pending;
    this.pending = 0;
    this.#end(true, "waitNext", "syncNext");
    if (this.barriers > 0) return;
    this.lent = 0;
    this.#end(true, "sync");
  }

  #over(): boolean {
    return this.iAborted || this.theyAborted || this.destroyed;
  }

  #theyAbort(): void {
    this.theyAborted = true;
    this.#end(false, "waitNext", "syncNext", "sync");
    this.#end(!this.iAborted, "waitAbortion");
  }

  #has(...calls: Wait[]): boolean {
    return this.waits.some(({ call, outcome }) =>
      outcome === "pending" && calls.includes(call)
    );
  }

  #end(result: boolean, ...calls: Wait[]): void {
    for (const wait of this.waits) {
      if (wait.outcome === "pending" && calls.includes(wait.call)) {
        wait.outcome = result;
      }
    }
  }
}

Deno.test("Barrier follows its rules for any calls, arrivals and cancels", async () => {
  const calls = <T extends string>(...names: T[]) =>
    fc.constantFrom(...names).map((call) => ({ call }));
  const command: fc.Arbitrary<Command> = fc.oneof(
    {
      weight: 8,
      arbitrary: calls("waitNext", "syncNext", "sync", "waitAbortion"),
    },
    { weight: 4, arbitrary: calls("place") },
    {
      weight: 4,
      arbitrary: fc.record({
        call: fc.constant("arrive"),
        count: fc.integer({ min: 1, max: 3 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        call: fc.constant("cancel"),
        index: fc.nat({ max: 12 }),
      }),
    },
    { weight: 1, arbitrary: calls("abort", "abortion", "hangUp", "destroy") },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { maxLength: 40, size: "max" }),
      async (commands) => {
        const model = new Model();
        const { barrier, channel } = setUp();
        const controllers: AbortController[] = [];
        const waits: { outcome: unknown }[] = [];
        for (const command of commands) {
          switch (command.call) {
            case "arrive":
              if (!model.hungUp) channel.deliver("\n".repeat(command.count));
              break;
            case "abortion":
              if (!model.hungUp) channel.deliver("abort\n");
              break;
            case "hangUp":
              channel.hangUp();
              break;
            case "cancel":
              controllers[command.index]?.abort("cancelled");
              break;
            case "place":
            case "abort":
            case "destroy":
              barrier[command.call]();
              break;
            default: {
              const controller = new AbortController();
              controllers.push(controller);
              waits.push(
                watch(barrier[command.call]({ signal: controller.signal })),
              );
            }
          }
          model.run(command);
          await flushMicrotasks();
          assertEquals(waits.map(({ outcome }) => outcome), model.outcomes);
          assertEquals(barrier.iAborted, model.iAborted);
          assertEquals(barrier.theyAborted, model.theyAborted);
          assertEquals(
            channel.calls.filter((call) => call.endsWith("ref")).at(-1) ===
              "ref",
            model.outcomes.includes("pending"),
          );
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

// On the wire

/** All ways to cut bytes in two, and each byte alone. */
function* cuts(text: string): Generator<Uint8Array[]> {
  const bytes = encoder.encode(text);
  for (let i = 0; i <= bytes.length; i++) {
    yield [bytes.subarray(0, i), bytes.subarray(i)];
  }
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
}

interface Reading {
  /** How many barriers there are to take. */
  count?: number;
  note?: string;
  /** Why the barrier is aborted. */
  reason?: string;
}

function testReading(
  what: string,
  text: string,
  { count = 0, note, reason }: Reading,
  acceptsText = false,
): void {
  Deno.test(`Barrier reads ${what}, cut anywhere`, async () => {
    for (const chunks of cuts(text)) {
      const { barrier, channel } = setUp({}, acceptsText);
      for (const chunk of chunks) channel.deliver(chunk);
      assertEquals(channel.sent, "");
      assertFalse(barrier.iAborted);
      assertEquals(barrier.theyAborted, reason !== undefined);
      if (reason !== undefined) assertEquals(failure(barrier).message, reason);
      assertEquals(await takeAll(barrier), count);
      assertEquals(barrier.note, note);
    }
  });
}

testReading("an empty line as a barrier", "\n", { count: 1 });
testReading("a plus sign and text as a note", "+two wörds 🙂\n", {
  count: 1,
  note: "two wörds 🙂",
});
testReading("a plus sign alone as an empty note", "+\n", {
  count: 1,
  note: "",
});
testReading("all after the first plus sign as the note", "+ +abort\n", {
  count: 1,
  note: " +abort",
});
testReading("a byte order mark as a part of the note", "+\ufeffnote\n", {
  count: 1,
  note: "\ufeffnote",
});
testReading("'abort' as an abortion", "abort\n", {
  reason: "Barrier aborted by the peer",
});
testReading("'abort' and a space as an abortion", "abort \n", {
  reason: "Barrier aborted by the peer",
});
testReading("text after 'abort' as a reason", "abort no löck: /run/x\n", {
  reason: "Barrier aborted by the peer: no löck: /run/x",
});
testReading("several lines one by one", "\n\n+note\n\n", {
  count: 4,
  note: "note",
});
testReading("nothing after an abortion", "abort why\n\n+note\nabort\nhello\n", {
  reason: "Barrier aborted by the peer: why",
});
testReading("an abortion as the end of what came before", "\n+note\nabort\n", {
  reason: "Barrier aborted by the peer",
});
testReading("nothing of half a line", "\nabor", { count: 1 });

testReading(
  "other text as a note where the channel accepts it",
  "unix:path=/tmp/bus,guid=0\n",
  { count: 1, note: "unix:path=/tmp/bus,guid=0" },
  true,
);
testReading(
  "text that only begins like an abortion where the channel accepts it",
  "abortion\n",
  { count: 1, note: "abortion" },
  true,
);
testReading(
  "barriers and notes where the channel accepts text",
  "\n+note\n",
  { count: 2, note: "note" },
  true,
);
testReading(
  "an abortion where the channel accepts text",
  "abort why\n",
  { reason: "Barrier aborted by the peer: why" },
  true,
);

function testViolation(
  what: string,
  line: string | Uint8Array,
  shown: string,
  why: string,
  acceptsText = false,
): void {
  const where = acceptsText ? " where the channel accepts text" : "";
  Deno.test(`Barrier that reads ${what}${where} aborts on both sides and quotes it`, async () => {
    const { barrier, channel } = setUp({ barriers: 1 }, acceptsText);
    const waits = WAITS.map((wait) => barrier[wait]());
    channel.sent = "";
    channel.deliver(line);
    channel.deliver("\n+later\nhello\n");

    const message = `Cannot read "${shown}" from the peer: ${why}`;
    const error = failure(barrier);
    assertEquals(error.message, message);
    assertEquals(error.side, "peer");
    assert(barrier.weAborted);
    assertEquals(await outcomes(...waits), Array(5).fill(false));
    assertStrictEquals(barrier.note, undefined);

    assertEquals(channel.sent, `abort ${message}\n`);
    const peer = setUp();
    peer.channel.deliver(channel.sent);
    assert(peer.barrier.theyAborted);
    assertEquals(
      failure(peer.barrier).message,
      `Barrier aborted by the peer: ${message}`,
    );
  });
}

for (const acceptsText of [false, true]) {
  for (
    const [what, bytes, shown] of [
      ["what is not UTF-8", [0x6f, 0x6b, 0xff, 0xfe], String.raw`ok\xff\xfe`],
      ["half a character", [0x2b, 0xe2, 0x82], String.raw`+\xe2\x82`],
      ["half a surrogate pair", [0xed, 0xa0, 0x80], String.raw`\xed\xa0\x80`],
    ] as const
  ) {
    const line = Uint8Array.of(...bytes, 0x0a);
    testViolation(what, line, shown, "it is not UTF-8", acceptsText);
  }
  for (
    const [what, line, shown] of [
      ["a tab", "+one\ttwo\n", String.raw`+one\x09two`],
      ["a carriage return", "\r\n", String.raw`\x0d`],
      ["a null character", "\0\n", String.raw`\x00`],
      ["a delete character", "+\x7f\n", String.raw`+\x7f`],
      ["a control character beyond ASCII", "+\x85\n", String.raw`+\xc2\x85`],
      ["an escape in a reason", "abort \x1b\n", String.raw`abort \x1b`],
    ] as const
  ) {
    testViolation(what, line, shown, "it has control characters", acceptsText);
  }
  testViolation(
    "a line of 4,097 bytes",
    `+${"x".repeat(4_096)}\n`,
    `+${"x".repeat(63)}...`,
    "it is over 4096 bytes",
    acceptsText,
  );
}

for (
  const [what, text, shown] of [
    [
      "text",
      'say "hello" \\ wörld',
      String.raw`say \"hello\" \\ w\xc3\xb6rld`,
    ],
    ["text that only begins like an abortion", "abortion", "abortion"],
    ["a byte order mark", "\ufeffabort", String.raw`\xef\xbb\xbfabort`],
    ["text of 64 bytes", "x".repeat(64), "x".repeat(64)],
    ["text of 65 bytes", "x".repeat(65), "x".repeat(64) + "..."],
  ] as const
) {
  testViolation(
    what,
    `${text}\n`,
    shown,
    "it is no barrier and no abortion, a program whose stdout is the channel must print to stderr",
  );
}

Deno.test("Barrier that has aborted sends nothing when it reads a violation", () => {
  const { barrier, channel } = setUp();
  barrier.abort("first");
  channel.deliver("hello\n");
  assertEquals(channel.sent, "abort first\n");
  assert(barrier.weAborted);
  assertEquals(failure(barrier).message, "Barrier aborted by this side: first");
});

Deno.test("Barrier reads a line of 4,096 bytes", async () => {
  const line = `+${"x".repeat(4_095)}\n`;
  for (const cut of [0, 1, 4_095, 4_096]) {
    const { barrier, channel } = setUp();
    channel.deliver(line.slice(0, cut));
    channel.deliver(line.slice(cut));
    channel.deliver(line);
    assertEquals(await takeAll(barrier), 2);
    assertEquals(barrier.note, "x".repeat(4_095));
  }
});

Deno.test("Barrier aborts at the first byte too many of a line of a megabyte", () => {
  const piece = new Uint8Array(1_000).fill(0x78);
  const { barrier, channel } = setUp();
  for (let length = 0; length < 1_000_000; length += piece.length) {
    assertEquals(barrier.isAborted, length > 4_096);
    channel.deliver(piece);
  }
  channel.deliver("\n");
  const message = `Cannot read "${
    "x".repeat(64)
  }..." from the peer: it is over 4096 bytes`;
  assertEquals(failure(barrier).message, message);
  assertEquals(channel.sent, `abort ${message}\n`);
});

Deno.test("Barrier does not keep the bytes that it is given", async () => {
  const { barrier, channel } = setUp();
  const bytes = encoder.encode("+no");
  channel.deliver(bytes);
  bytes.fill(0);
  channel.deliver("te\n");
  assert(await barrier.waitNext());
  assertEquals(barrier.note, "note");
});

Deno.test("Barrier drops half a line before a hang-up", async () => {
  for (const half of ["abort", "+note", "hello", "\xff"]) {
    const { barrier, channel } = setUp();
    channel.deliver(`\n${half}`);
    channel.hangUp();
    assertEquals(
      failure(barrier).message,
      "Peer hung up before it reached the barrier",
    );
    assertEquals(await outcomes(barrier.waitNext()), [true]);
    assertFalse(barrier.isAborted);
    assertStrictEquals(barrier.note, undefined);
    assertEquals(channel.sent, "");
  }
});

Deno.test("Barrier ignores a second hang-up", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("\n");
  const error = new BarrierAbortedError("first", { side: "peer" });
  channel.hangUp(error);
  channel.hangUp(new BarrierAbortedError("second", { side: "peer" }));
  assertStrictEquals(barrier.signal.reason, error);
  assertEquals(await outcomes(barrier.waitNext()), [true]);
});

Deno.test("Barrier counts a flood of 100 million barriers", async () => {
  const { barrier, channel } = setUp({ barriers: 100_000_000 });
  const chunk = new Uint8Array(1_000_000).fill(0x0a);
  for (let i = 0; i < 99; i++) channel.deliver(chunk);
  channel.deliver(chunk.subarray(1));
  const sync = barrier.sync();
  assertEquals(await outcomes(sync), ["pending"]);
  channel.deliver("\n");
  assertEquals(await outcomes(sync), [true]);
  assertEquals(await outcomes(barrier.placeAndSync()), ["pending"]);
});

/** Cuts bytes at positions that may lie beyond their end. */
function cutAt(bytes: Uint8Array, positions: number[]): Uint8Array[] {
  const ends = positions.map((position) => position % (bytes.length + 1));
  ends.push(bytes.length);
  let start = 0;
  return ends.toSorted((a, b) => a - b).map((end) =>
    bytes.subarray(start, start = end)
  );
}

Deno.test("Barrier receives any barriers and notes as they were sent, cut anywhere", async () => {
  const character = fc.integer({ min: 0x20, max: 0x10ffff })
    .map((code) => String.fromCodePoint(code))
    .filter((text) => text.isWellFormed() && !/\p{Cc}/u.test(text));
  const note = fc.string({ unit: character, size: "medium" });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(note, { nil: undefined })),
      fc.array(fc.nat()),
      async (notes, positions) => {
        const sender = setUp();
        for (const note of notes) assert(sender.barrier.place(note));
        const { barrier, channel } = setUp();
        let lines = 0;
        for (
          const chunk of cutAt(encoder.encode(sender.channel.sent), positions)
        ) {
          channel.deliver(chunk);
          const arrived = chunk.filter((byte) => byte === 0x0a).length;
          if (arrived === 0) continue;
          lines += arrived;
          assert(await barrier.waitNext());
          assertEquals(
            barrier.note,
            notes.slice(0, lines).findLast((note) => note !== undefined),
          );
        }
        assertEquals(await takeAll(barrier), notes.length);
      },
    ),
  );
});

Deno.test("Barrier is unharmed by any bytes, or aborts on both sides", async () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom(
      "\n",
      "+",
      "abort",
      " ",
      "hello",
      "\ufeff",
      "x".repeat(2_048),
    ).map((text) => encoder.encode(text)),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { size: "medium" }),
      fc.array(fc.nat()),
      fc.boolean(),
      async (pieces, positions, acceptsText) => {
        const bytes = await new Blob(pieces).bytes();
        const whole = setUp({}, acceptsText);
        whole.channel.deliver(bytes);
        const { barrier, channel } = setUp({}, acceptsText);
        for (const chunk of cutAt(bytes, positions)) channel.deliver(chunk);

        assertEquals(channel.sent, whole.channel.sent);
        assertEquals(flags(barrier), flags(whole.barrier));
        if (!barrier.isAborted) {
          assertEquals(channel.sent, "");
          assertFalse(barrier.signal.aborted);
          return;
        }
        const { message } = failure(barrier);
        assertEquals(message, failure(whole.barrier).message);
        assert(barrier.theyAborted);
        if (!barrier.iAborted) {
          assert(message.startsWith("Barrier aborted by the peer"));
          assertEquals(channel.sent, "");
          return;
        }
        const peer = setUp();
        peer.channel.deliver(channel.sent);
        assert(peer.barrier.theyAborted);
        assertFalse(peer.barrier.iAborted);
        assertEquals(
          failure(peer.barrier).message,
          `Barrier aborted by the peer: ${message}`,
        );
      },
    ),
    { numRuns: 300 },
  );
});
