// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What a channel delivers immediately, and what it leaves to later turns. */

import { Socket } from "node:net";
import {
  assert,
  assertEquals,
  assertFalse,
  assertGreaterOrEqual,
  assertLess,
  assertStrictEquals,
} from "@std/assert";
import { Barrier } from "../../barrier.ts";
import type { MessageReceiver } from "../../src/barrier/channel.ts";
import type { Message } from "../../src/barrier/lines.ts";
import { PacedReceiver } from "../../src/channels/paced.ts";
import { SocketChannel } from "../../src/channels/socket.ts";
import { StdioChannel } from "../../src/channels/stdio.ts";
import { turnEventLoop } from "../_helpers/event_loop.ts";
import { runTestdata, shell, testdata } from "../_helpers/scripts.ts";
import { spawnWithBarrier } from "../../mod.ts";
import { test } from "../_helpers/unix.ts";

/** The most bytes that a peer's flood brings in a turn. */
const TURN_MAX = 24 * 1024;

/** Writes down what is delivered to it. */
class Log implements MessageReceiver {
  bytes = "";
  messages: Message[] = [];
  calls: string[] = [];

  receive(bytes: Uint8Array): void {
    this.calls.push("receive");
    this.bytes += new TextDecoder("latin1").decode(bytes);
  }

  deliver(messages: readonly Message[]): void {
    this.calls.push("deliver");
    this.messages.push(...messages);
  }

  end(): void {
    this.calls.push("end");
  }

  hangUp(): void {
    this.calls.push("hangUp");
  }
}

function setUp(): { log: Log; paced: PacedReceiver } {
  const log = new Log();
  return { log, paced: new PacedReceiver(log) };
}

/** Bytes that differ from their neighbors. */
function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

Deno.test("PacedReceiver delivers little immediately, and as it came", () => {
  const { log, paced } = setUp();
  const messages: Message[] = [{ kind: "barrier", note: "one" }];
  paced.receive(noise(2_048));
  paced.deliver(messages);
  paced.end();
  paced.hangUp();
  assertEquals(log.calls, ["receive", "deliver", "end", "hangUp"]);
  assertEquals([log.bytes, log.messages], [latin1(noise(2_048)), messages]);
  assertStrictEquals(paced.backlog, undefined);
});

Deno.test("PacedReceiver delivers much over several turns, whole and in order", async () => {
  const { log, paced } = setUp();
  const bytes = noise(300_000);
  paced.receive(bytes);
  bytes.fill(0); // it is the caller's again
  const messages = Array.from(
    { length: 50_000 },
    (_, i): Message => ({ kind: "barrier", note: String(i) }),
  );
  paced.deliver(messages);
  paced.receive(noise(100));
  paced.end();
  paced.hangUp();
  for (let before = 0; paced.backlog; before = log.bytes.length) {
    assertLess(log.bytes.length - before, TURN_MAX);
    assertLess(log.messages.length, messages.length);
    assert(!log.calls.includes("end"));
    await turnEventLoop(1);
    if (log.messages.length > 0) break;
  }
  await paced.backlog;
  assertEquals(log.bytes, latin1(noise(300_000)) + latin1(noise(100)));
  assertEquals(log.messages, messages);
  assertEquals(log.calls.slice(-3), ["receive", "end", "hangUp"]);
});

Deno.test("PacedReceiver resolves its backlog only when everything was delivered", async () => {
  const { log, paced } = setUp();
  paced.receive(noise(100_000));
  const { backlog } = paced;
  assert(backlog !== undefined);
  let isResolved = false;
  backlog.then(() => isResolved = true);
  while (!isResolved) {
    assertLess(log.bytes.length, 100_000);
    await turnEventLoop(1);
  }
  assertEquals(log.bytes.length, 100_000);
  assertStrictEquals(paced.backlog, undefined);
});

Deno.test("PacedReceiver delivers in order what is delivered within a delivery", async () => {
  const { log, paced } = setUp();
  const { receive } = log;
  log.receive = (bytes) => {
    receive.call(log, bytes);
    if (log.calls.length === 1) {
      const rest = new TextEncoder().encode("rest");
      paced.receive(rest);
      paced.hangUp();
      rest.fill(0);
    }
  };
  paced.receive(noise(10_000));
  await paced.backlog;
  assertEquals(log.bytes, latin1(noise(10_000)) + "rest");
  assertEquals(log.calls.at(-1), "hangUp");
});

Deno.test("PacedReceiver gives every channel its part of a turn", async () => {
  const flooded = Array.from({ length: 4 }, setUp);
  for (const { paced } of flooded) paced.receive(noise(200_000));
  for (let turn = 0; turn < 10; turn++) {
    const before = flooded.map(({ log }) => log.bytes.length);
    await turnEventLoop(1);
    const read = flooded.map(({ log }, i) => log.bytes.length - before[i]!);
    for (const bytes of read) assertGreaterOrEqual(bytes, 4_096);
    assertLess(read.reduce((sum, bytes) => sum + bytes), 2 * TURN_MAX);
  }
  for (const { paced } of flooded) await paced.backlog;
  for (const { log } of flooded) assertEquals(log.bytes.length, 200_000);
});

Deno.test("SocketChannel.receive() stops the socket while the barrier is behind", async () => {
  const socket = new Socket();
  const channel = new SocketChannel({
    readable: socket,
    writable: socket,
    acceptsText: true,
  });
  const log = new Log();
  channel.open(log);
  assert(channel.receive(noise(100)));
  assertFalse(channel.receive(noise(100_000)));
  const resumed = new Promise<void>((resolve) => {
    socket.resume = () => {
      resolve();
      return socket;
    };
  });
  assertLess(log.bytes.length, 100_100);
  await resumed;
  assertEquals(log.bytes.length, 100_100);
  assert(channel.receive(noise(100)));
  channel.close();
});

Deno.test("StdioChannel reads no more while the barrier is behind", async () => {
  const { read } = Deno.stdin;
  const log = new Log();
  const before: number[] = [];
  Deno.stdin.read = (buffer) => {
    before.push(log.bytes.length);
    return Promise.resolve(before.length < 4 ? buffer.length : null);
  };
  try {
    const channel = new StdioChannel();
    channel.open(log);
    const hungUp = new Promise<void>((resolve) => log.hangUp = resolve);
    channel.ref();
    await hungUp;
  } finally {
    Deno.stdin.read = read;
  }
  assertEquals(before, [0, 65_536, 131_072, 196_608]);
});

Deno.test("Barrier.over() reads no more of a stream while it is behind", async () => {
  const before: string[] = [];
  const barrier = Barrier.over({
    readable: new ReadableStream({
      pull(controller) {
        before.push(/arrived: (\d+)/.exec(Deno.inspect(barrier))![1]!);
        if (before.length === 3) controller.close();
        else controller.enqueue(new Uint8Array(100_000).fill(0x0a));
      },
    }, { highWaterMark: 0 }),
    writable: new WritableStream(),
  });
  await new Promise((resolve) =>
    barrier.signal.addEventListener("abort", resolve)
  );
  assertEquals(before, ["0", "100000", "200000"]);
});

/** How many bytes a peer floods a barrier with, and so in how many turns. */
const FLOOD = 2_000_000;
const TURNS = FLOOD / TURN_MAX;

/** Counts the waits that it takes to consume a flood: at most one in a turn. */
async function consume(barrier: Barrier): Promise<number> {
  let waits = 0;
  while (await barrier.waitNext()) waits++;
  return waits;
}

for (const text of ["", "x", "a\\tb"]) {
  test(`Barrier leaves the event loop its turns when a child floods "fd" with ${text || "barriers"}`, async () => {
    await using child = shell(`yes '${text}' | head -c ${FLOOD} >&3`);
    assertGreaterOrEqual(await consume(child), TURNS);
    assertEquals(child.signal.reason.kind, "exited");
  });
}

test('Barrier leaves the event loop its turns when a parent floods "fd" or "stdio"', async () => {
  for (const channel of ["fd", "stdio"] as const) {
    await using child = spawnWithBarrier(testdata("paced_child.ts"), {
      args: [channel, `${FLOOD}`],
      channel,
    });
    child.place();
    for (let i = 0; i < FLOOD; i++) child.place();
    assertGreaterOrEqual(Number(await child.ready()), TURNS);
  }
});

Deno.test("Barrier.over() leaves the event loop its turns whatever streams or a port bring", async () => {
  const flood = new Uint8Array(FLOOD).fill(0x0a);
  const streams = Barrier.over({
    readable: ReadableStream.from([flood, flood]),
    writable: new WritableStream(),
  });
  assertGreaterOrEqual(await consume(streams), 2 * TURNS);

  const { port1, port2 } = new MessageChannel();
  const port = Barrier.over(port1);
  port2.postMessage(flood);
  port2.postMessage(null);
  assertGreaterOrEqual(await consume(port), TURNS);
  port2.close();
});

Deno.test("Barrier.over() leaves the event loop its turns where there is no setImmediate()", async () => {
  const args = [`${FLOOD}`];
  const { stdout, stderr } = await runTestdata(
    "paced_without_immediate.ts",
    args,
  );
  assertGreaterOrEqual(Number(stdout), TURNS);
  assertEquals(stderr, "");
});

test("Barrier.over() leaves the event loop its turns when a connection is flooded", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const near = await Deno.connect({
    hostname: "127.0.0.1",
    port: listener.addr.port,
  });
  const far = await listener.accept();
  const barrier = Barrier.over(near);
  const flood = (async () => {
    const bytes = new Uint8Array(FLOOD).fill(0x0a);
    for (let n = 0; n < FLOOD;) n += await far.write(bytes.subarray(n));
    far.close();
  })();
  assertGreaterOrEqual(await consume(barrier), TURNS);
  await flood;
});
