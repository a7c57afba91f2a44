// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assert } from "@std/assert";
import { Barrier, type BarrierRole, type BarrierStreams } from "../barrier.ts";
import { connect } from "./_helpers/connections.ts";
import {
  BarrierSide,
  type Call,
  readTraces,
  replay,
  type Report,
  type Side,
} from "./_helpers/traces.ts";
import { Traffic } from "./_helpers/traffic.ts";
import { WebSocketConnection } from "./_helpers/web_sockets.ts";
import type { Answer, Order } from "./testdata/worker.ts";

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
      // This is asked immediately, however long the write takes.
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

/** The same for a connection that is used itself. */
function meterConnection(
  conn: Deno.Conn,
  traffic: Traffic,
): { streams: BarrierStreams; closed: Promise<void> } {
  const closed = Promise.withResolvers<void>();
  const { read, write, close } = conn;
  let length = 0;
  conn.read = async (buffer) => {
    traffic.arrive(length); // who reads on has dealt with what came before
    const count = await read.call(conn, buffer);
    length = count ?? 0;
    return count;
  };
  conn.write = (bytes) => {
    traffic.sent += bytes.length;
    write.call(conn, bytes).catch(() => {}); // the peer may have exited
    // So the next call writes immediately, and is counted.
    return Promise.resolve(bytes.length);
  };
  conn.unref = () => {}; // the test waits for it
  conn.close = () => {
    traffic.arrive(1); // the end
    closed.resolve();
    close.call(conn);
  };
  return { streams: conn, closed: closed.promise };
}

/** A barrier over a port, metered. */
function meterPort(port: MessagePort, role: BarrierRole): MeteredSide {
  const traffic = new Traffic();
  port.postMessage = (message: unknown) => {
    if (message !== null) traffic.sent++; // the end is counted by the call
    MessagePort.prototype.postMessage.call(port, message);
  };
  const side = new MeteredSide(Barrier.over(port, { role }), traffic);
  port.addEventListener("message", () => traffic.arrive(1));
  return side;
}

/** A barrier over a WebSocket, metered. */
function meterSocket(socket: WebSocket, role: BarrierRole): MeteredSide {
  const traffic = new Traffic();
  socket.send = (data) => {
    traffic.sent++;
    WebSocket.prototype.send.call(socket, data);
  };
  const side = new MeteredSide(Barrier.over(socket, { role }), traffic);
  for (const type of ["message", "close"]) {
    socket.addEventListener(type, () => traffic.arrive(1));
  }
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

for (
  const [name, meter] of [
    ["TCP", meterConnection],
    ["the streams of TCP", meterStreams],
  ] as const
) {
  Deno.test(`Barrier.over() ${name} reproduces every 30th trace of systemd's barrier.c`, async () => {
    for (const trace of await readTraces(30)) {
      const sides = (await connect("TCP")).map((conn, index) => {
        const traffic = new Traffic();
        const { streams, closed } = meter(conn, traffic);
        const barrier = Barrier.over(streams, {
          role: index === 0 ? "parent" : "child",
        });
        return { side: new MeteredSide(barrier, traffic), closed };
      });
      const [parent, child] = sides.map(({ side }) => side);
      assert(parent && child);
      await replay(trace, parent, child, () => settled(parent, child));
      await Promise.all(sides.map(({ closed }) => closed));
    }
  });
}

Deno.test("Barrier.over() a MessagePort reproduces every 5th recorded trace of systemd's barrier.c", async () => {
  for (const trace of await readTraces(5)) {
    const { port1, port2 } = new MessageChannel();
    const parent = meterPort(port1, "parent");
    const child = meterPort(port2, "child");
    await replay(trace, parent, child, () => settled(parent, child));
  }
});

Deno.test("Barrier.over() a WebSocket reproduces every 30th recorded trace of systemd's barrier.c", async () => {
  for (const trace of await readTraces(30)) {
    await using connection = new WebSocketConnection();
    await connection.opened();
    const parent = meterSocket(connection.client, "parent");
    const child = meterSocket(await connection.accepted, "child");
    await replay(trace, parent, child, () => settled(parent, child));
  }
});

Deno.test("Barrier.over() a Worker reproduces every 30th recorded trace of systemd's barrier.c", async () => {
  using child = new WorkerSide();
  for (const trace of await readTraces(30)) {
    const parent = await child.over();
    await replay(trace, parent, child, async () => {
      await child.report();
    });
  }
});
