// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers over message ports. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertStringIncludes,
} from "@std/assert";
import { Barrier, type BarrierPort } from "../barrier.ts";
import { HUNG_UP } from "./_helpers/barriers.ts";
import { runBarrierOver } from "./_helpers/scripts.ts";

const encoder = new TextEncoder();

/** A port whose other end is the test. */
class TestPort implements BarrierPort {
  readonly posted: unknown[] = [];
  readonly listeners = new Map<string, (event: MessageEvent) => void>();

  postMessage(message: unknown): void {
    this.posted.push(message);
  }

  addEventListener(
    type: string,
    listener: (event: MessageEvent) => void,
  ): void {
    this.listeners.set(type, listener);
  }

  removeEventListener(
    type: string,
    listener: (event: MessageEvent) => void,
  ): void {
    if (this.listeners.get(type) === listener) this.listeners.delete(type);
  }

  deliver(data: unknown): void {
    this.listeners.get("message")?.(new MessageEvent("message", { data }));
  }
}

Deno.test("Barrier.over() is the parent's side where no role is given", () => {
  const { port1, port2 } = new MessageChannel();
  using parent = Barrier.over(port1);
  using child = Barrier.over(port2, { role: "child" });
  assertEquals([parent.role, child.role], ["parent", "child"]);
});

Deno.test("Barrier.over() a MessagePort goes both ways", async () => {
  const { port1, port2 } = new MessageChannel();
  using parent = Barrier.over(port1);
  using child = Barrier.over(port2, { role: "child" });
  parent.place("from the parent");
  child.place("from the child");
  assertEquals(await Promise.all([parent.sync(), child.sync()]), [true, true]);
  assertEquals(parent.note, "from the child");
  assertEquals(child.note, "from the parent");
});

Deno.test("Barrier.abort() arrives over a MessagePort", async () => {
  const { port1, port2 } = new MessageChannel();
  using parent = Barrier.over(port1);
  using child = Barrier.over(port2, { role: "child" });
  const wait = parent.waitNext();
  child.abort("why");
  assertFalse(await wait);
  assert(parent.theyAborted);
  assertEquals(
    parent.signal.reason.message,
    "Barrier aborted by the peer: why",
  );
});

Deno.test("Barrier.destroy() over a MessagePort hangs up after what was placed, either side", async () => {
  for (const flip of [false, true]) {
    const { port1, port2 } = new MessageChannel();
    using parent = Barrier.over(port1);
    using child = Barrier.over(port2, { role: "child" });
    const [one, other] = flip ? [child, parent] : [parent, child];
    one.place();
    one.place("last");
    one.destroy();
    assert(other.place());
    assert(other.place());
    assert(await other.sync());
    assertEquals(other.note, "last");
    assertFalse(await other.waitNext());
    assertEquals(other.signal.reason.message, HUNG_UP);
  }
});

Deno.test("Barrier.over() a MessagePort reads text and buffers", async () => {
  const { port1, port2 } = new MessageChannel();
  using barrier = Barrier.over(port1);
  port2.postMessage("\n+a ");
  port2.postMessage(encoder.encode("note\n").buffer);
  assert(barrier.place());
  assert(barrier.place());
  assert(await barrier.sync());
  assertEquals(barrier.note, "a note");
  port2.close();
});

for (
  const [message, quoted] of [
    [42, "[object Number]"],
    [{ type: "hello" }, "[object Object]"],
    [["\n"], "[object Array]"],
    ["hello\n", "hello"],
  ] as const
) {
  Deno.test(`Barrier.over() a MessagePort aborts on both sides when a stranger sends ${Deno.inspect(message)}`, async () => {
    const { port1, port2 } = new MessageChannel();
    using parent = Barrier.over(port1);
    using child = Barrier.over(port2, { role: "child" });
    const wait = child.waitNext();
    port2.postMessage(message);
    assertFalse(await parent.waitNext());
    assertFalse(await wait);
    assertStringIncludes(
      parent.signal.reason.message,
      `Cannot read "${quoted}" from the peer`,
    );
    assertStringIncludes(
      child.signal.reason.message,
      `Barrier aborted by the peer: Cannot read "${quoted}" from the peer`,
    );
    assert(parent.weAborted);
  });
}

Deno.test("Barrier.over() a port listens until it is destroyed", async () => {
  const port = new TestPort();
  const barrier = Barrier.over(port);
  const wait = barrier.waitNext();
  assertEquals([...port.listeners.keys()], ["message"]);
  barrier.destroy();
  barrier.destroy();
  assertFalse(await wait);
  assertEquals(port.listeners.size, 0);
  assertEquals(port.posted, [null]);
});

Deno.test("Barrier.over() a port listens until the peer hangs up, and sends nothing after that", async () => {
  const port = new TestPort();
  const barrier = Barrier.over(port);
  port.deliver("\n");
  port.deliver(null);
  assertEquals(port.listeners.size, 0);
  assert(barrier.place());
  assert(await barrier.waitNext());
  assertFalse(await barrier.waitNext());
  barrier.destroy();
  assertEquals(port.posted, []);
});

Deno.test("Barrier.destroy() of one side of a MessageChannel lets the process leave", async () => {
  const output = await runBarrierOver("ports");
  assertEquals(output, { code: 0, stdout: "true\n", stderr: "" });
});
