// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What a barrier reports to the one that observes it. */

import { assert, assertEquals, assertFalse } from "@std/assert";
import type { InternalOptions } from "../../src/barrier/options.ts";
import type { BarrierEvent } from "../../src/barrier/observer.ts";
import { HUNG_UP } from "../_helpers/barriers.ts";
import { type Fixture, setUp } from "../_helpers/test_channel.ts";

interface Observed extends Fixture {
  events: string[];
}

/** Makes a barrier whose events, and what it sends, are written down in order. */
function observe(acceptsText = false): Observed {
  const events: string[] = [];
  const options: InternalOptions = {
    observer: (event) => void events.push(show(event)),
  };
  const fixture = setUp(options, acceptsText);
  const { send, close } = fixture.channel;
  fixture.channel.send = (bytes) => {
    events.push("send");
    send.call(fixture.channel, bytes);
  };
  fixture.channel.close = () => {
    events.push("close");
    close.call(fixture.channel);
  };
  return { ...fixture, events };
}

function show({ kind, ...rest }: BarrierEvent): string {
  const values = Object.values(rest).map((value) =>
    value instanceof Error ? value.message : value
  );
  return [kind, ...values].join(" ").trimEnd();
}

Deno.test("Barrier reports what it places before it sends", () => {
  const { barrier, events } = observe();
  barrier.place("one");
  barrier.place();
  assertEquals(events, [
    "opened",
    "placed 1 one",
    "send",
    "placed 2",
    "send",
  ]);
});

Deno.test("Barrier reports each barrier that arrives, and each that is consumed", async () => {
  const { barrier, channel, events } = observe();
  channel.deliver("+one\n\n+three\n");
  await barrier.receive();
  await barrier.waitNext();
  channel.deliver("+four\n");
  await barrier.waitNext();
  assertEquals(events.filter((event) => /arrived|consumed/.test(event)), [
    "arrived 1 one",
    "arrived 2",
    "arrived 3 three",
    "consumed 1 one",
    "consumed 2",
    "consumed 3 three",
    "arrived 4 four",
    "consumed 4 four",
  ]);
});

Deno.test("Barrier reports every wait, with its result or why it was canceled", async () => {
  const { barrier, channel, events } = observe();
  const controller = new AbortController();
  const { signal } = controller;
  const canceled = barrier.waitNext({ signal });
  controller.abort("enough");
  await canceled.catch(() => {});
  assert(await barrier.sync());
  assert(await barrier.syncNext());
  channel.deliver("\n");
  await barrier.receive();
  channel.deliver("\n");
  const iterator = barrier[Symbol.asyncIterator]();
  await iterator.next();
  const pending = iterator.next();
  await iterator.return!();
  await pending;
  channel.hangUp();
  await barrier.receive().catch(() => {});
  assert(await barrier.waitAbortion());
  assertEquals(events.filter((event) => event.startsWith("wait")), [
    "waitBegan 1 waitNext",
    "waitCanceled 1 enough",
    "waitBegan 2 sync",
    "waitEnded 2 true",
    "waitBegan 3 syncNext",
    "waitEnded 3 true",
    "waitBegan 4 receive",
    "waitEnded 4 true",
    "waitBegan 5 next",
    "waitEnded 5 true",
    "waitBegan 6 next",
    "waitEnded 6 false",
    "waitBegan 7 receive",
    "waitEnded 7 false",
    "waitBegan 8 waitAbortion",
    "waitEnded 8 true",
  ]);
});

Deno.test("Barrier reports a wait that another barrier's error has canceled as canceled", async () => {
  const { barrier, events } = observe();
  const other = setUp();
  other.barrier.abort("enough");
  const controller = new AbortController();
  const { signal } = controller;
  const canceled = barrier.receive({ signal });
  controller.abort(other.barrier.signal.reason);
  await canceled.catch(() => {});
  assertEquals(
    events.at(-1),
    "waitCanceled 1 Barrier aborted by this side: enough",
  );
});

Deno.test("Barrier reports its abort before it sends, and what it drops", () => {
  const { barrier, channel, events } = observe();
  channel.deliver("+one\n\n");
  barrier.abort("why");
  channel.deliver("+late\n");
  channel.deliver("\nabort too\n\n");
  assertEquals(events, [
    "opened",
    "arrived 1 one",
    "arrived 2",
    "aborted why",
    "dropped 1 one",
    "dropped 2",
    "send",
    "arrived 3 late",
    "dropped 3 late",
    "arrived 4",
    "peerAborted too",
    "dropped 4",
  ]);
});

Deno.test("Barrier reports the peer's abort before what that drops, and nothing after it", () => {
  const { channel, events } = observe();
  channel.deliver("+one\nabort why\n+late\nabort again\n");
  channel.deliver("+later\n");
  assertEquals(events, [
    "opened",
    "arrived 1 one",
    "peerAborted why",
    "dropped 1 one",
  ]);
});

Deno.test("Barrier reports a violation as its own abort, and text that is none as a barrier", () => {
  const { channel, events } = observe();
  channel.deliver("hello\n");
  const why = 'Cannot read "hello" from the peer: ' +
    "it is neither a barrier nor an abort";
  assertEquals(events, ["opened", `aborted ${why}`, "send"]);

  const text = observe(true);
  text.channel.deliver("hello\n");
  assertEquals(text.events, ["opened", "arrived 1 hello"]);
});

Deno.test("Barrier reports how the peer's stream ended", async () => {
  const { barrier, channel, events } = observe();
  channel.deliver("\n");
  channel.receiver.end();
  channel.hangUp();
  barrier.waitNext();
  assertFalse(await barrier.waitNext());
  barrier.destroy();
  assertEquals(events, [
    "opened",
    "arrived 1",
    `peerClosed ${HUNG_UP}`,
    `peerHungUp ${HUNG_UP}`,
    "waitBegan 1 waitNext",
    "consumed 1",
    "waitBegan 2 waitNext",
    "waitEnded 1 true",
    "waitEnded 2 false",
    "destroyed",
    "close",
  ]);
});

Deno.test("Barrier that is observed has no methods of its own", () => {
  const { barrier } = observe();
  assertEquals(Reflect.ownKeys(barrier), []);
});
