// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers over web sockets, of clients and of servers. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  Barrier,
  BarrierAbortedError,
  type BarrierWebSocket,
} from "../barrier.ts";
import { HUNG_UP } from "./_helpers/barriers.ts";
import { flushMicrotasks } from "./_helpers/event_loop.ts";
import { WebSocketConnection } from "./_helpers/web_sockets.ts";
import { run } from "./_helpers/run.ts";
import { dataUrl, json, runBarrierOver } from "./_helpers/scripts.ts";

const BARRIER = json(import.meta.resolve("../barrier.ts"));

Deno.test("Barrier.over() a WebSocket goes both ways", async () => {
  await using connection = new WebSocketConnection();
  using parent = Barrier.over(connection.client);
  using child = Barrier.over(await connection.accepted, { role: "child" });
  for (let round = 1; round <= 3; round++) {
    parent.place(`parent ${round}`);
    child.place(`child ${round}`);
    assertEquals(
      await Promise.all([parent.sync(), child.sync()]),
      [true, true],
    );
    assertEquals(parent.note, `child ${round}`);
    assertEquals(child.note, `parent ${round}`);
  }
  child.abort("disk full");
  assert(await parent.waitAbortion());
  assertEquals(parent.signal.reason.reason, "disk full");
});

Deno.test("Barrier.over() a WebSocket sends what was placed before it was open, and then closes", async () => {
  await using connection = new WebSocketConnection();
  {
    using parent = Barrier.over(connection.client);
    assertEquals(connection.client.readyState, WebSocket.CONNECTING);
    parent.place("one");
    parent.place("two");
  }
  const accepted = await connection.accepted;
  const child = Barrier.over(accepted, { role: "child" });
  child.place("from a server that is not open either");
  assertEquals(await Array.fromAsync(child), ["one", "two"]);
  assertEquals(child.signal.reason.message, HUNG_UP);
});

Deno.test("Barrier.destroy() over a WebSocket hangs up after everything that was placed", async () => {
  await using connection = new WebSocketConnection();
  using parent = Barrier.over(connection.client);
  const child = Barrier.over(await connection.accepted, { role: "child" });
  assert(await parent.sync());
  for (let i = 0; i < 1_000; i++) child.place(String(i));
  child.destroy();
  const notes = await Array.fromAsync(parent);
  assertEquals(notes, Array.from({ length: 1_000 }, (_, i) => String(i)));
  const { kind, side, message, cause } = parent.signal.reason;
  assertEquals([kind, side, message], ["closed", "peer", HUNG_UP]);
  assertEquals(cause, undefined);
});

Deno.test("Barrier.destroy() closes a WebSocket that connects if nothing was placed", () => {
  const socket = new TestSocket();
  socket.readyState = 0;
  Barrier.over(socket).destroy();
  assertEquals(socket.log, ["close"]);
});

Deno.test("Barrier.destroy() closes a server's WebSocket that is not open yet", async () => {
  await using connection = new WebSocketConnection();
  const parent = Barrier.over(connection.client);
  const accepted = await connection.accepted;
  assertEquals(accepted.readyState, WebSocket.CONNECTING);
  Barrier.over(accepted, { role: "child" }).destroy();
  assertFalse(await parent.waitNext());
});

Deno.test("Barrier.destroy() closes a WebSocket that never opens after 5 seconds", async () => {
  const source = `
    const { setTimeout } = globalThis;
    globalThis.setTimeout = (run, ms) => setTimeout(() => run(console.log(ms)));
    const { Barrier } = await import(${BARRIER});
    const own = { readyState: 0, binaryType: "", send() {}, close: () => console.log("close") };
    const barrier = Barrier.over(Object.assign(new EventTarget(), own));
    barrier.place();
    barrier.destroy();
  `;
  const { stdout } = await run([Deno.execPath(), "run", dataUrl(source)]);
  assertEquals(stdout, "5000\nclose\n");
});

Deno.test("Barrier.over() a WebSocket reads messages of bytes and of text, cut anywhere", async () => {
  await using connection = new WebSocketConnection();
  using barrier = Barrier.over(connection.client);
  const peer = await connection.accepted;
  peer.binaryType = "arraybuffer";
  await connection.opened();
  peer.send("\n+a ");
  peer.send(new TextEncoder().encode("no"));
  peer.send(new Blob(["te\n"]));
  peer.send("+last\n");
  for (const note of [undefined, "a note", "last"]) {
    assertEquals(await barrier.receive(), note);
  }
  const answer = new Promise<ArrayBuffer>((resolve) => {
    peer.onmessage = ({ data }) => resolve(data);
  });
  peer.send("hello\n");
  const error = await assertRejects(
    () => barrier.receive(),
    BarrierAbortedError,
  );
  assertEquals(error.kind, "violation");
  assertEquals(
    new TextDecoder().decode(await answer),
    `abort ${error.message}\n`,
  );
});

Deno.test("Barrier.over() a WebSocket that cannot connect sees a hang-up with a cause", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const barrier = Barrier.over(new WebSocket(`ws://127.0.0.1:${port}`));
  barrier.place("never");
  assertFalse(await barrier.waitNext());
  const { message, cause } = barrier.signal.reason;
  assertStringIncludes(message, "Peer hung up: ");
  assert(cause !== undefined);
});

Deno.test("Barrier.over() a WebSocket that is closed with an error code says which", async () => {
  await using connection = new WebSocketConnection();
  const barrier = Barrier.over(connection.client);
  const peer = await connection.accepted;
  await connection.opened();
  peer.send("\n");
  peer.close(4_000, "quota exceeded");
  assert(await barrier.waitNext());
  assertFalse(await barrier.waitNext());
  const { message, cause } = barrier.signal.reason;
  const why = "WebSocket was closed with code 4000: quota exceeded";
  assertEquals(message, `Peer hung up: ${why}`);
  assertInstanceOf(cause, Error);
  assertEquals(cause.message, why);
});

Deno.test("Barrier.over() a WebSocket that is closed already sees a hang-up", async () => {
  await using connection = new WebSocketConnection();
  await connection.opened();
  connection.client.close();
  await new Promise((resolve) => connection.client.onclose = resolve);
  const barrier = Barrier.over(connection.client);
  barrier.place();
  assertFalse(await barrier.waitNext());
});

/** A socket whose other end is the test. */
class TestSocket extends EventTarget implements BarrierWebSocket {
  binaryType = "blob";
  readyState = 1;
  readonly log: string[] = [];
  readonly listening = new Set<string>();

  send(data: Uint8Array<ArrayBuffer>): void {
    this.log.push(new TextDecoder().decode(data));
    data.buffer.transfer(); // it has its own
  }

  close(): void {
    this.log.push("close");
  }

  override addEventListener(type: string, listener: EventListener): void {
    this.listening.add(type);
    super.addEventListener(type, listener);
  }

  override removeEventListener(type: string, listener: EventListener): void {
    this.listening.delete(type);
    super.removeEventListener(type, listener);
  }
}

Deno.test('Barrier.over() a WebSocket keeps the order of what an earlier listener for "open" places', () => {
  const socket = new TestSocket();
  socket.readyState = 0;
  socket.addEventListener("open", () => barrier.place("two"));
  const barrier = Barrier.over(socket);
  barrier.place("one");
  socket.readyState = 1;
  socket.dispatchEvent(new Event("open"));
  assertEquals(socket.log, ["+one\n", "+two\n"]);
});

Deno.test("Barrier.over() a WebSocket sends nothing while it closes, and then has no listeners", async () => {
  const socket = new TestSocket();
  const barrier = Barrier.over(socket);
  assertEquals(socket.binaryType, "arraybuffer");
  barrier.place("one");
  barrier.place();
  barrier.place();
  socket.readyState = 2;
  barrier.place("lost");
  assertEquals(socket.log, ["+one\n", "\n", "\n"]);
  socket.dispatchEvent(new CloseEvent("close", { code: 1001 }));
  await flushMicrotasks();
  assertEquals([...socket.listening], []);
  assertEquals(barrier.signal.reason.message, HUNG_UP);
  barrier.destroy();
});

Deno.test("Barrier.over() a WebSocket lets the program end when either side hung up", async () => {
  const { stdout, stderr } = await runBarrierOver("web socket");
  assertEquals([stdout, stderr], [`[ ${json("ready")} ]\n`, ""]);
});
