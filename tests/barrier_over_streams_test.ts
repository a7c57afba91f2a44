// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers over streams of any kind. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Barrier, type BarrierStreams } from "../barrier.ts";
import { flushMicrotasks, turnEventLoop } from "./_helpers/event_loop.ts";
import { start } from "./_helpers/run.ts";
import { runBarrierOver } from "./_helpers/scripts.ts";
import { test } from "./_helpers/unix.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Streams whose other end is the test, and what the barrier did to them. */
class TestStreams implements BarrierStreams {
  readonly log: string[] = [];
  incoming!: ReadableStreamDefaultController<Uint8Array | ArrayBuffer | string>;
  /** What each write waits for. */
  writing: Promise<void> | undefined;
  readonly #closed = Promise.withResolvers<void>();

  readonly readable: BarrierStreams["readable"] = new ReadableStream({
    start: (controller) => {
      this.incoming = controller;
    },
    cancel: () => {
      this.log.push("cancel");
    },
  });

  readonly writable: BarrierStreams["writable"] = new WritableStream({
    write: async (bytes) => {
      await this.writing;
      this.log.push(decoder.decode(bytes));
    },
    close: () => {
      this.log.push("close writable");
    },
  });

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  close(): void {
    this.log.push("close");
    this.#closed.resolve();
  }

  ref(): void {
    this.log.push("ref");
  }

  unref(): void {
    this.log.push("unref");
  }
}

/** Streams that can send their end and still be read, as a connection can. */
class TestConnection extends TestStreams {
  closeWrite(): Promise<void> {
    this.log.push("closeWrite");
    return Promise.resolve();
  }
}

Deno.test("Barrier.over() throws when it is given neither streams nor a port nor a WebSocket", () => {
  for (
    const transport of [
      undefined,
      null,
      42,
      "streams",
      {},
      () => {},
      { readable: new ReadableStream() },
      { writable: new WritableStream() },
      { readable: {}, writable: {} },
      { postMessage() {} },
      { binaryType: "uint8array", readyState: 1, send() {} },
      new EventTarget(),
    ]
  ) {
    assertThrows(
      () => Barrier.over(transport as unknown as BarrierStreams),
      TypeError,
      "Cannot create a barrier: the transport must be a port, a WebSocket, or a pair of readable and writable streams, received",
    );
  }
});

Deno.test("Barrier.over() throws when a stream is locked, and locks none", () => {
  const streams = new TestStreams();
  for (
    const lock of [
      () => streams.readable.getReader(),
      () => streams.writable.getWriter(),
    ]
  ) {
    const locked = lock();
    assertThrows(
      () => Barrier.over(streams),
      TypeError,
      "Cannot create a barrier: the streams are locked; release their readers and writers first",
    );
    locked.releaseLock();
    assertFalse(streams.readable.locked);
    assertFalse(streams.writable.locked);
  }
});

Deno.test("Barrier.over() reads bytes, buffers and text from a stream, cut anywhere", async () => {
  const streams = new TestStreams();
  using barrier = Barrier.over(streams);
  for (let i = 0; i < 3; i++) barrier.place();
  for (
    const chunk of [
      "\n+a ",
      encoder.encode("no"),
      encoder.encode("te\n+an").buffer,
      "other\n",
    ]
  ) {
    streams.incoming.enqueue(chunk);
  }
  assert(await barrier.sync());
  assertEquals(barrier.note, "another");
});

Deno.test("Barrier.over() takes a chunk that is not data for a violation", async () => {
  const streams = new TestStreams();
  using barrier = Barrier.over(streams);
  streams.incoming.enqueue({} as string);
  assertFalse(await barrier.waitNext());
  assertStringIncludes(
    barrier.signal.reason.message,
    'Cannot read "[object Object]" from the peer',
  );
});

Deno.test("Barrier.over() takes a stream that breaks for a hang-up, with its error as the cause", async () => {
  for (
    const [cause, why] of [
      [
        new Error("invalid peer certificate: Expired"),
        "invalid peer certificate: Expired",
      ],
      [new Error("two\nlines\u202e\x1b[2J"), "two lines\\u{202e}"],
      [undefined, "undefined"],
      ["cut", "cut"],
    ] as const
  ) {
    const streams = new TestStreams();
    using barrier = Barrier.over(streams);
    streams.incoming.enqueue("\n");
    assert(await barrier.waitNext());
    streams.incoming.error(cause);
    assertFalse(await barrier.waitNext());
    const { reason } = barrier.signal;
    assertEquals(reason.message, `Peer hung up: ${why}`);
    assertEquals([reason.kind, reason.side], ["closed", "peer"]);
    assertStrictEquals(reason.cause, cause);
  }
});

Deno.test("Barrier.over() reads on when a stream takes no more", async () => {
  const streams = new TestStreams();
  streams.writing = Promise.reject(new Error("cut"));
  using barrier = Barrier.over(streams);
  assert(barrier.place());
  assert(barrier.place());
  const wait = barrier.sync();
  streams.incoming.enqueue("\n\n");
  assert(await wait);
});

/** The members of a `Deno.Conn`, whose `write` and `read` are the test's. */
function connection(
  write: (bytes: Uint8Array) => Promise<number>,
  read: () => Promise<null> = () => new Promise(() => {}),
): TestConnection {
  const members = { write, read, localAddr: {}, remoteAddr: {} };
  return Object.assign(new TestConnection(), members);
}

Deno.test("Barrier.over() goes on where a connection wrote only a part, or nothing", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let written = "";
  let isPart = false;
  using barrier = Barrier.over(connection((bytes) => {
    isPart = !isPart;
    if (!isPart) return Promise.resolve(0);
    written += String.fromCharCode(bytes[0]!);
    if (written.endsWith("\n\n")) resolve();
    return Promise.resolve(1);
  }));
  barrier.place("whole");
  barrier.place();
  await promise;
  assertEquals(written, "+whole\n\n");
});

Deno.test("Barrier.over() leaves the event loop its turns where a connection writes nothing", async () => {
  const { promise, resolve } = Promise.withResolvers<null>();
  let writes = 0;
  const streams = connection(() => {
    writes++;
    return Promise.resolve(0);
  }, () => promise);
  const barrier = Barrier.over(streams);
  barrier.place();
  await turnEventLoop(); // which it would not do
  assertEquals(writes, 1);
  barrier.destroy();
  resolve(null);
  await streams.closed;
});

Deno.test("Barrier.over() a connection writes immediately, and later what was placed during a write", async () => {
  const writing = Promise.withResolvers<void>();
  const all = Promise.withResolvers<void>();
  const written: string[] = [];
  using barrier = Barrier.over(connection(async (bytes) => {
    written.push(decoder.decode(bytes));
    if (written.length === 2) all.resolve();
    await writing.promise;
    return bytes.length;
  }));
  for (const note of ["one", "two", "three"]) barrier.place(note);
  assertEquals(written, ["+one\n"]);
  writing.resolve();
  await all.promise;
  assertEquals(written, ["+one\n", "+two\n+three\n"]);
});

Deno.test("Barrier.over() locks the streams of a connection", () => {
  const streams = connection(({ length }) => Promise.resolve(length));
  using _barrier = Barrier.over(streams);
  assert(streams.readable.locked && streams.writable.locked);
});

Deno.test("Barrier.over() uses the 'write' of nothing but a connection", async () => {
  const streams = Object.assign(new TestStreams(), {
    write: () => Promise.reject(new Error("this is not for bytes")),
  });
  using barrier = Barrier.over(streams);
  barrier.place("one");
  await flushMicrotasks();
  assertEquals(streams.log, ["unref", "+one\n"]);
});

Deno.test("Barrier.over() lets a stream have what it writes", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const lengths: number[] = [];
  using barrier = Barrier.over({
    readable: new ReadableStream(),
    writable: new WritableStream({
      write(bytes) {
        lengths.push(bytes.buffer.transfer().byteLength);
        if (lengths.length === 2) resolve();
      },
    }),
  });
  barrier.place();
  barrier.place();
  await promise;
  assertEquals(lengths, [1, 1]);
});

Deno.test("Barrier.destroy() closes streams after what was sent", async () => {
  const streams = new TestStreams();
  const { promise, resolve } = Promise.withResolvers<void>();
  streams.writing = promise;
  const barrier = Barrier.over(streams);
  barrier.place("one");
  barrier.abort("two");
  barrier.destroy();
  barrier.destroy();
  resolve();
  await streams.closed;
  assertEquals(streams.log, [
    "unref",
    "+one\n",
    "abort two\n",
    "close writable",
    "cancel",
    "close",
  ]);
});

Deno.test("Barrier.destroy() sends the end of a connection, and reads to the peer's", async () => {
  const streams = new TestConnection();
  const barrier = Barrier.over(streams);
  const wait = barrier.waitNext();
  barrier.place();
  barrier.destroy();
  assertFalse(await wait);
  streams.incoming.enqueue("\n");
  streams.incoming.close();
  await streams.closed;
  const steps = streams.log.filter((step) => !step.endsWith("ref"));
  assertEquals(steps, ["\n", "closeWrite", "closeWrite", "close"]);
});

Deno.test("Barrier.over() closes its streams when the peer has hung up", async () => {
  const streams = new TestStreams();
  const barrier = Barrier.over(streams);
  barrier.place();
  streams.incoming.close();
  await streams.closed;
  barrier.destroy();
  assert(barrier.signal.aborted);
  assertEquals(streams.log, ["unref", "\n", "close writable", "close"]);
});

Deno.test("Barrier.destroy() at the same time as a hang-up closes the streams once", async () => {
  const streams = new TestStreams();
  const barrier = Barrier.over(streams);
  streams.incoming.close();
  barrier.destroy();
  await streams.closed;
  assertEquals(streams.log, ["unref", "close writable", "close"]);
  assertEquals(barrier.signal.reason.side, "local");
});

Deno.test("Barrier.over() refs streams while a wait is pending", async () => {
  const streams = new TestStreams();
  using barrier = Barrier.over(streams);
  assertEquals(streams.log, ["unref"]);
  const wait = barrier.waitNext();
  assertEquals(streams.log, ["unref", "ref"]);
  streams.incoming.enqueue("\n");
  await wait;
  await flushMicrotasks();
  assertEquals(streams.log, ["unref", "ref", "unref"]);
});

test("Barrier.over() the pipes of any program", async () => {
  const script = "echo; read -r line; echo +got $line; read -r _; exit 3";
  const child = start(["sh", "-c", script], { stderr: "inherit" });
  const barrier = Barrier.over({
    readable: child.stdout,
    writable: child.stdin,
  });
  assert(await barrier.waitNext());
  barrier.place("this");
  assert(await barrier.waitNext());
  assertEquals(barrier.note, "got +this");
  barrier.destroy();
  assertEquals((await child.status).code, 3);
});

Deno.test("Barrier.over() a WebSocketStream goes both ways, and either end hangs up", async () => {
  const received: string[] = [];
  const closed = Promise.withResolvers<void>();
  await using server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
  }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.binaryType = "arraybuffer";
    if (new URL(request.url).pathname === "/server-hangs-up") {
      socket.onmessage = () => {
        socket.send("+from the ");
        socket.send(encoder.encode("server\n"));
        socket.close();
      };
    } else {
      socket.onmessage = ({ data }) => received.push(decoder.decode(data));
      socket.onclose = () => closed.resolve();
    }
    return response;
  });
  const output = await runBarrierOver(
    "streams",
    `ws://127.0.0.1:${server.addr.port}`,
  );
  assertEquals(output, {
    code: 0,
    stdout: "true from the server\nfalse\n",
    stderr: "",
  });
  await closed.promise;
  assertEquals(received, ["+one\n", "+two\n"]);
});

Deno.test("Barrier.over() leaves streams unlocked when an option is not valid", () => {
  const { readable, writable } = new TransformStream<
    Uint8Array<ArrayBuffer>
  >();
  const streams = { readable, writable };
  assertThrows(
    () => Barrier.over(streams, { barriers: 0.5 }),
    RangeError,
    "Cannot create a barrier: 'barriers' must be a safe integer, received 0.5",
  );
  assertThrows(
    () => Barrier.over(streams, { role: "sibling" as "child" }),
    TypeError,
    `Cannot create a barrier: 'role' must be "parent" or "child", received "sibling"`,
  );
  using _barrier = Barrier.over(streams);
});
