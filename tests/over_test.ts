// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  Barrier,
  BarrierAbortedError,
  type BarrierPort,
  type BarrierRole,
  type BarrierStreams,
} from "../barrier.ts";
import { start } from "./_helpers/run.ts";
import {
  barrierModule,
  barrierProgram,
  runBarrierProgram,
} from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import type { Answer, Order } from "./testdata/worker.ts";
import {
  BarrierSide,
  type Call,
  parseTraces,
  replay,
  type Report,
  type Side,
  type Trace,
} from "./_helpers/traces.ts";
import { Traffic } from "./_helpers/traffic.ts";

const CONNECTIONS = ["TCP", "a Unix socket"] as const;

const HUNG_UP = "Peer hung up before it reached the barrier";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Makes a connection, both ends of it here. */
async function connect(
  kind: typeof CONNECTIONS[number],
): Promise<[Deno.Conn, Deno.Conn]> {
  if (kind === "TCP") {
    const hostname = "127.0.0.1";
    using listener = Deno.listen({ hostname, port: 0 });
    const { port } = listener.addr;
    return await Promise.all([
      Deno.connect({ hostname, port }),
      listener.accept(),
    ]);
  }
  await using directory = await TempDir.make();
  const path = `${directory.path}/socket`;
  using listener = Deno.listen({ transport: "unix", path });
  return await Promise.all([
    Deno.connect({ transport: "unix", path }),
    listener.accept(),
  ]);
}

/** Puts a barrier on a connection; disposed of, that has been closed. */
function over(conn: Deno.Conn, role?: BarrierRole): Barrier & AsyncDisposable {
  const closed = Promise.withResolvers<void>();
  const { close } = conn;
  conn.close = () => {
    closed.resolve();
    close.call(conn);
  };
  const barrier = Barrier.over(conn, role);
  return Object.assign(barrier, {
    async [Symbol.asyncDispose]() {
      barrier.destroy();
      conn.ref(); // this waits for it, the barrier no longer does
      await closed.promise;
    },
  });
}

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

function startWorker(body: string): Worker {
  return new Worker(barrierModule(body), { type: "module" });
}

/** Reads every so many'th trace. */
async function everyTrace(nth: number): Promise<Trace[]> {
  const traces = parseTraces(
    await Deno.readTextFile(
      new URL("./testdata/barrier-traces.txt", import.meta.url),
    ),
  );
  assertEquals(traces.length, 3_000);
  return traces.filter(({ line }) => line % nth === 0);
}

/** A side in this process that knows what it has sent and received. */
class MeteredSide extends BarrierSide {
  readonly traffic: Traffic;
  exited = false;

  constructor(barrier: Barrier, traffic: Traffic) {
    super(barrier);
    this.traffic = traffic;
  }

  override call(call: Call): void {
    if (call === "x") {
      this.exited = true;
      this.traffic.sent++; // the end
    }
    super.call(call);
  }
}

/** Returns when all that one side sent has reached the other. */
async function settled(a: MeteredSide, b: MeteredSide): Promise<void> {
  for (const [from, to] of [[a, b], [b, a]] as const) {
    if (!to.exited) await to.traffic.until(from.traffic.sent);
  }
}

/** The streams of a connection, metered, and when they have been closed. */
function meterStreams(
  conn: Deno.Conn,
  traffic: Traffic,
): { streams: BarrierStreams; closed: Promise<void> } {
  const closed = Promise.withResolvers<void>();
  const reader = conn.readable.getReader();
  const writer = conn.writable.getWriter();
  let length = 0;
  const streams: BarrierStreams = {
    readable: new ReadableStream({
      async pull(controller) {
        traffic.arrive(length); // who reads on has dealt with what came before
        const { done, value } = await reader.read();
        if (done) return controller.close();
        length = value.length;
        controller.enqueue(value);
      },
    }, { highWaterMark: 0 }),
    writable: new WritableStream({
      write: (bytes) => writer.write(bytes),
    }, {
      // This is asked at once, however long the write takes.
      size(bytes) {
        traffic.sent += bytes.length;
        return 1;
      },
    }),
    closeWrite: () => conn.closeWrite(),
    close() {
      traffic.arrive(1); // the end
      closed.resolve();
      conn.close();
    },
  };
  return { streams, closed: closed.promise };
}

/** A barrier over a port, metered. */
function meterPort(port: MessagePort, role: BarrierRole): MeteredSide {
  const traffic = new Traffic();
  port.postMessage = (message: unknown) => {
    if (message !== null) traffic.sent++; // the end is counted by the call
    MessagePort.prototype.postMessage.call(port, message);
  };
  const side = new MeteredSide(Barrier.over(port, role), traffic);
  port.addEventListener("message", () => traffic.arrive(1));
  return side;
}

/** A side that is in a worker. */
class WorkerSide implements Side, Disposable {
  readonly #worker = new Worker(
    import.meta.resolve("./testdata/worker.ts"),
    { type: "module" },
  );
  readonly #traffic = new Traffic();
  readonly #orders: MessagePort;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#orders = port1;
    this.#worker.postMessage(port2, [port2]);

    this.#worker.postMessage = (message: unknown) => {
      this.#traffic.sent++;
      Worker.prototype.postMessage.call(this.#worker, message);
    };
    this.#worker.addEventListener("message", () => this.#traffic.arrive(1));
  }

  /** Makes both sides of a barrier, this one and the parent's. */
  async over(): Promise<BarrierSide> {
    await this.#order("over");
    return new BarrierSide(Barrier.over(this.#worker));
  }

  async call(call: Call): Promise<void> {
    await this.#order(call);
  }

  report(): Promise<Report> {
    return this.#order("report");
  }

  [Symbol.dispose](): void {
    this.#orders.close();
    this.#worker.terminate();
  }

  /** When this returns, all that either barrier has sent has arrived. */
  async #order(act: Order["act"]): Promise<Report> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#orders.onmessage = ({ data }) => resolve(data);
    this.#orders.postMessage({ act, sent: this.#traffic.sent });
    const { sent, ...report } = await promise;
    await this.#traffic.until(sent);
    return report;
  }
}

Deno.test("Barrier.over() throws when it is given neither streams nor a port", () => {
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
      new EventTarget(),
    ]
  ) {
    assertThrows(
      () => Barrier.over(transport as unknown as BarrierStreams),
      TypeError,
      "Cannot put a barrier on this: expected a port, or a readable and a writable stream",
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
      "Cannot put a barrier on streams that are locked",
    );
    locked.releaseLock();
    assertFalse(streams.readable.locked);
    assertFalse(streams.writable.locked);
  }
});

Deno.test("Barrier.over() is the parent's side where no role is given", () => {
  const { port1, port2 } = new MessageChannel();
  using parent = Barrier.over(port1);
  using child = Barrier.over(port2, "child");
  assertEquals([parent.role, child.role], ["parent", "child"]);
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

Deno.test("Barrier.over() takes a chunk that is no data for a violation", async () => {
  const streams = new TestStreams();
  using barrier = Barrier.over(streams);
  streams.incoming.enqueue({} as string);
  assertFalse(await barrier.waitNext());
  assertStringIncludes(
    barrier.signal.reason.message,
    'Cannot read "[object Object]" from the peer',
  );
});

Deno.test("Barrier.over() takes a stream that breaks for a hang-up", async () => {
  const streams = new TestStreams();
  using barrier = Barrier.over(streams);
  streams.incoming.enqueue("\n");
  const taken = await barrier.waitNext();
  streams.incoming.error(new Error("cut"));
  assert(taken);
  assertFalse(await barrier.waitNext());
  assertEquals(barrier.signal.reason.message, HUNG_UP);
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

Deno.test("Barrier.over() goes on where a write took only a part", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let written = "";
  using barrier = Barrier.over({
    readable: new ReadableStream(),
    writable: new WritableStream(),
    write(bytes) {
      written += String.fromCharCode(bytes[0]!);
      if (written.endsWith("\n\n")) resolve();
      return Promise.resolve(1);
    },
  });
  barrier.place("whole");
  barrier.place();
  await promise;
  assertEquals(written, "+whole\n\n");
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

Deno.test("Barrier.destroy() closes streams behind what was sent", async () => {
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
  assertEquals(streams.log, [
    "unref",
    "ref",
    "unref",
    "\n",
    "closeWrite",
    "closeWrite",
    "close",
  ]);
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
  assertFalse(barrier.signal.aborted);
});

Deno.test("Barrier.over() refs streams while a wait is pending", async () => {
  const streams = new TestStreams();
  using barrier = Barrier.over(streams);
  assertEquals(streams.log, ["unref"]);
  const wait = barrier.waitNext();
  assertEquals(streams.log, ["unref", "ref"]);
  streams.incoming.enqueue("\n");
  await wait;
  assertEquals(streams.log, ["unref", "ref", "unref"]);
});

for (const kind of CONNECTIONS) {
  Deno.test(`Barrier.over() ${kind} goes both ways`, async () => {
    const [near, far] = await connect(kind);
    await using parent = over(near);
    await using child = over(far, "child");
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
    child.place();
    assert(await parent.waitNext());
    parent.place();
    parent.place();
    child.place();
    assert(await parent.syncNext());
  });

  Deno.test(`Barrier.abort() arrives over ${kind}`, async () => {
    const [near, far] = await connect(kind);
    await using parent = over(near);
    await using child = over(far, "child");
    const wait = child.waitNext();
    parent.abort("no longer needed");
    assertFalse(await wait);
    assert(child.theyAborted);
    const { reason } = child.signal;
    assertInstanceOf(reason, BarrierAbortedError);
    assertEquals(
      reason.message,
      "Barrier aborted by the peer: no longer needed",
    );
    child.abort();
    assertFalse(await parent.waitAbortion());
    assert(parent.weAborted);
  });

  Deno.test(`Barrier.destroy() over ${kind} hangs up behind 1,000 barriers`, async () => {
    const [near, far] = await connect(kind);
    await using parent = over(near);
    await using child = over(far, "child");
    for (let i = 0; i < 1_000; i++) parent.place();
    parent.destroy();
    for (let i = 0; i < 1_000; i++) child.place();
    assert(await child.sync());
    assertFalse(await child.waitNext());
    assert(child.theyAborted);
    assertEquals(child.signal.reason.message, HUNG_UP);
  });

  Deno.test(`Barrier.waitNext() over ${kind} takes what the peer had placed when it no longer can be written to`, async () => {
    const [near, far] = await connect(kind);
    await using barrier = over(near);
    using peer = far;
    await peer.write(encoder.encode("\n+last\n"));
    peer.close();
    for (let i = 0; i < 10; i++) barrier.place();
    assert(await barrier.waitNext());
    assertEquals(barrier.note, "last");
    assertFalse(await barrier.waitNext());
  });

  Deno.test(`Barrier.over() ${kind} takes a reset connection for a hang-up`, async () => {
    const [near, far] = await connect(kind);
    await using barrier = over(near);
    using peer = far;
    barrier.place("a note that the peer does not read to its end");
    await peer.read(new Uint8Array(1));
    peer.close();
    assertFalse(await barrier.waitNext());
    assertEquals(barrier.signal.reason.message, HUNG_UP);
  });

  Deno.test(`Barrier.over() ${kind} drops half a line before the end`, async () => {
    const [near, far] = await connect(kind);
    await using barrier = over(near);
    using peer = far;
    await peer.write(encoder.encode("\n+half a li"));
    peer.close();
    assert(await barrier.waitNext());
    assertFalse(await barrier.waitNext());
    assertEquals(barrier.note, undefined);
    assertEquals(barrier.signal.reason.message, HUNG_UP);
  });

  Deno.test(`Barrier.over() ${kind} aborts on both sides on what is not the protocol`, async () => {
    const [near, far] = await connect(kind);
    await using barrier = over(near);
    using peer = far;
    await peer.write(encoder.encode("hello\n"));
    assertFalse(await barrier.waitNext());
    assert(barrier.weAborted);
    const { message } = barrier.signal.reason;
    assertStringIncludes(message, 'Cannot read "hello" from the peer');
    const buffer = new Uint8Array(1_000);
    const length = await peer.read(buffer);
    assert(length !== null);
    assertStringIncludes(
      decoder.decode(buffer.subarray(0, length)),
      'abort Cannot read "hello" from the peer',
    );
  });

  Deno.test(`Barrier.over() ${kind} that the user closes is a hang-up`, async () => {
    const [near, far] = await connect(kind);
    await using barrier = over(near);
    using _peer = far;
    const wait = barrier.waitNext();
    near.close();
    assertFalse(await wait);
    assertFalse(barrier.place());
  });
}

Deno.test("Barrier.over() TCP lets the process leave when no wait is pending", async () => {
  const hostname = "127.0.0.1";
  using listener = Deno.listen({ hostname, port: 0 });
  const output = runBarrierProgram(
    `
    const port = Number(Deno.args[0]);
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const barrier = Barrier.over(conn, "child");
    for (let round = 0; round < 3; round++) {
      barrier.place();
      console.log(await barrier.sync(), barrier.note);
    }
    `,
    String(listener.addr.port),
  );
  await using barrier = over(await listener.accept());
  for (let round = 1; round <= 3; round++) {
    assert(await barrier.waitNext()); // the child waits, with nothing else to do
    barrier.place(`round ${round}`);
  }
  assertFalse(await barrier.waitNext());
  assertEquals(await output, {
    code: 0,
    stdout: "true round 1\ntrue round 2\ntrue round 3\n",
    stderr: "",
  });
});

Deno.test("Barrier.over() TCP sees a hang-up when the peer's process is killed", async () => {
  const hostname = "127.0.0.1";
  using listener = Deno.listen({ hostname, port: 0 });
  await using child = start(barrierProgram(
    `
    const port = Number(Deno.args[0]);
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const barrier = Barrier.over(conn, "child");
    barrier.place();
    await barrier.waitNext();
    `,
    String(listener.addr.port),
  ));
  await using barrier = over(await listener.accept());
  assert(await barrier.waitNext());
  child.kill("SIGKILL");
  assertFalse(await barrier.waitNext());
  await Promise.all([
    child.stdin.close(),
    child.stdout.cancel(),
    child.stderr.cancel(),
  ]);
});

Deno.test("Barrier.over() the pipes of any program", async () => {
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
  const output = await runBarrierProgram(
    `
    {
      const { opened } = new WebSocketStream(Deno.args[0] + "/server-hangs-up");
      const barrier = Barrier.over(await opened, "child");
      barrier.place();
      console.log(await barrier.sync(), barrier.note);
      console.log(await barrier.waitNext());
    }
    {
      const { opened } = new WebSocketStream(Deno.args[0] + "/client-hangs-up");
      using barrier = Barrier.over(await opened, "child");
      barrier.place("one");
      barrier.place("two");
    }
    `,
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

Deno.test("Barrier.over() a MessagePort goes both ways", async () => {
  const { port1, port2 } = new MessageChannel();
  using parent = Barrier.over(port1);
  using child = Barrier.over(port2, "child");
  parent.place("from the parent");
  child.place("from the child");
  assertEquals(await Promise.all([parent.sync(), child.sync()]), [true, true]);
  assertEquals(parent.note, "from the child");
  assertEquals(child.note, "from the parent");
});

Deno.test("Barrier.abort() arrives over a MessagePort", async () => {
  const { port1, port2 } = new MessageChannel();
  using parent = Barrier.over(port1);
  using child = Barrier.over(port2, "child");
  const wait = parent.waitNext();
  child.abort("why");
  assertFalse(await wait);
  assert(parent.theyAborted);
  assertEquals(
    parent.signal.reason.message,
    "Barrier aborted by the peer: why",
  );
});

Deno.test("Barrier.destroy() over a MessagePort hangs up behind what was placed, either side", async () => {
  for (const flip of [false, true]) {
    const { port1, port2 } = new MessageChannel();
    using parent = Barrier.over(port1);
    using child = Barrier.over(port2, "child");
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
    using child = Barrier.over(port2, "child");
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

Deno.test("Barrier.over() a port listens until the peer hangs up, and sends nothing behind that", async () => {
  const port = new TestPort();
  const barrier = Barrier.over(port);
  port.deliver("\n");
  port.deliver(null);
  assertEquals(port.listeners.size, 0);
  assert(await barrier.waitNext());
  assertFalse(await barrier.waitNext());
  barrier.destroy();
  assertEquals(port.posted, []);
});

Deno.test("Barrier.destroy() of one side of a MessageChannel lets the process leave", async () => {
  const output = await runBarrierProgram(`
    const { port1, port2 } = new MessageChannel();
    const parent = Barrier.over(port1);
    const child = Barrier.over(port2, "child");
    child.place();
    console.log(await parent.waitNext());
    parent.destroy();
  `);
  assertEquals(output, { code: 0, stdout: "true\n", stderr: "" });
});

Deno.test("Barrier.over() a Worker goes both ways, and either side hangs up", async () => {
  const worker = startWorker(`
    {
      using parent = Barrier.over(self, "child");
      await parent.waitNext();
      parent.place("got " + parent.note);
    }
    const parent = Barrier.over(self, "child");
    parent.place();
    await parent.waitNext();
    self.postMessage("hung up");
  `);
  using first = Barrier.over(worker);
  first.place("this");
  assert(await first.sync());
  assertEquals(first.note, "got this");
  assertFalse(await first.waitNext());

  const second = Barrier.over(worker);
  assert(await second.waitNext());
  const { promise, resolve } = Promise.withResolvers<unknown>();
  worker.onmessage = ({ data }) => resolve(data);
  second.destroy();
  assertEquals(await promise, "hung up");
  worker.terminate();
});

Deno.test("Barrier.place() in a worker arrives when its next call ends that worker", async () => {
  for (const end of ["self.close()", "Deno.exit()"]) {
    const worker = startWorker(`
      const parent = Barrier.over(self, "child");
      parent.place();
      parent.place("last");
      ${end};
    `);
    using barrier = Barrier.over(worker);
    barrier.place();
    barrier.place();
    assert(await barrier.sync());
    assertEquals(barrier.note, "last");
    worker.terminate();
  }
});

Deno.test("Barrier.destroy() ends the waits for a worker that was terminated", async () => {
  const worker = startWorker(`
    Barrier.over(self, "child").place();
  `);
  const barrier = Barrier.over(worker);
  assert(await barrier.waitNext());
  const waits = [barrier.waitNext(), barrier.waitAbortion()];
  worker.terminate();
  barrier.destroy();
  assertEquals(await Promise.all(waits), [false, false]);
});

Deno.test("Barrier.over() a Worker takes an uncaught error for a hang-up, behind what was placed", async () => {
  const worker = barrierModule(`
    self.onmessage = async ({ data: failed }) => {
      self.onmessage = null;
      self.onunhandledrejection = () => Atomics.store(failed, 0, 1);
      const parent = Barrier.over(self, "child");
      for (let i = 0; i < 1_000; i++) parent.place();
      parent.place("last");
      throw new Error("on purpose");
    };
  `);
  const { code, stdout, stderr } = await runBarrierProgram(`
    const worker = new Worker(${JSON.stringify(worker)}, { type: "module" });
    const failed = new Int32Array(new SharedArrayBuffer(4));
    worker.postMessage(failed);
    const barrier = Barrier.over(worker);
    while (Atomics.load(failed, 0) === 0); // so all of it arrives at once
    for (let i = 0; i < 1_001; i++) barrier.place();
    console.log(await barrier.sync(), barrier.note);
    console.log(await barrier.waitNext());
    console.log(barrier.signal.reason.message);
  `);
  assertEquals(
    stdout,
    "true last\nfalse\nWorker failed before it reached the barrier: Uncaught (in promise) Error: on purpose\n",
  );
  assertStringIncludes(stderr, "Error: on purpose");
  assertEquals(code, 0);
});

Deno.test("Barrier.over() a Worker keeps the program from an error behind the worker's hang-up", async () => {
  const worker = barrierModule(`
    using parent = Barrier.over(self, "child");
    parent.place();
    await parent.waitNext();
    throw new Error("on purpose");
  `);
  const { code, stdout, stderr } = await runBarrierProgram(`
    const worker = new Worker(${JSON.stringify(worker)}, { type: "module" });
    const failed = new Promise((resolve) =>
      worker.addEventListener("error", resolve)
    );
    const barrier = Barrier.over(worker);
    console.log(await barrier.placeAndSync(), await barrier.waitNext());
    await failed;
  `);
  assertEquals(stdout, "true false\n");
  assertStringIncludes(stderr, "Error: on purpose");
  assertEquals(code, 0);
});

Deno.test("Barrier.over() a Worker that hung up keeps out of the next barrier's way", async () => {
  const worker = startWorker(`
    Barrier.over(self, "child").destroy();
    const parent = Barrier.over(self, "child");
    parent.place(String(await parent.waitNext()) + " " + parent.note);
  `);
  const first = Barrier.over(worker);
  await new Promise<void>((resolve) => {
    first.signal.addEventListener("abort", () => {
      first.place("stray");
      first.destroy();
      resolve();
    });
  });
  using second = Barrier.over(worker);
  second.place("mine");
  assert(await second.sync());
  assertEquals(second.note, "true mine");
  worker.terminate();
});

Deno.test("Barrier.destroy() leaves the errors of a Worker to others", () => {
  const worker = startWorker("");
  const barrier = Barrier.over(worker);
  barrier.destroy();
  const event = new ErrorEvent("error", { cancelable: true });
  worker.dispatchEvent(event);
  assertFalse(event.defaultPrevented);
  worker.terminate();
});

Deno.test("Barrier.over() a Worker whose module is missing sees a hang-up", async () => {
  const { code, stdout } = await runBarrierProgram(`
    const worker = new Worker("file:///nowhere.ts", { type: "module" });
    const barrier = Barrier.over(worker);
    console.log(await barrier.waitNext());
    console.log(barrier.signal.reason.message);
  `);
  assertStringIncludes(
    stdout,
    "false\nWorker failed before it reached the barrier: ",
  );
  assertStringIncludes(stdout, "nowhere.ts");
  assertEquals(code, 0);
});

Deno.test("Barrier.over() TCP reproduces every 10th recorded trace of systemd's barrier.c", async () => {
  for (const trace of await everyTrace(10)) {
    const sides = (await connect("TCP")).map((conn, index) => {
      const traffic = new Traffic();
      const { streams, closed } = meterStreams(conn, traffic);
      const barrier = Barrier.over(streams, index === 0 ? "parent" : "child");
      return { side: new MeteredSide(barrier, traffic), closed };
    });
    const [parent, child] = sides.map(({ side }) => side);
    assert(parent && child);
    await replay(trace, parent, child, () => settled(parent, child));
    await Promise.all(sides.map(({ closed }) => closed));
  }
});

Deno.test("Barrier.over() a MessagePort reproduces every recorded trace of systemd's barrier.c", async () => {
  for (const trace of await everyTrace(1)) {
    const { port1, port2 } = new MessageChannel();
    const parent = meterPort(port1, "parent");
    const child = meterPort(port2, "child");
    await replay(trace, parent, child, () => settled(parent, child));
  }
});

Deno.test("Barrier.over() a Worker and its global scope reproduces every 15th recorded trace of systemd's barrier.c", async () => {
  using child = new WorkerSide();
  for (const trace of await everyTrace(15)) {
    const parent = await child.over();
    await replay(trace, parent, child, async () => {
      await child.report();
    });
  }
});
