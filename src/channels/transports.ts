// Copyright 2026 the @ipc/barrier authors. MIT license.

/* The channels within a program, and over streams and ports of the user's. */

import {
  BarrierAbortedError,
  type BarrierChannel,
  type BarrierReceiver,
} from "../barrier/channel.ts";
import { encode, printable } from "../barrier/lines.ts";

/**
 * A pair of byte streams that carries a barrier: a `Deno.Conn`, what
 * `WebSocketStream.opened` gives, a child's own pipes.
 *
 * @example Usage
 * ```ts
 * import { Barrier, type BarrierStreams } from "@ipc/barrier/barrier";
 * import { assert } from "@std/assert";
 *
 * const there = new TransformStream<Uint8Array<ArrayBuffer>>();
 * const back = new TransformStream<Uint8Array<ArrayBuffer>>();
 * const near: BarrierStreams = {
 *   readable: back.readable,
 *   writable: there.writable,
 * };
 * const far: BarrierStreams = {
 *   readable: there.readable,
 *   writable: back.writable,
 * };
 * using parent = Barrier.over(near);
 * using child = Barrier.over(far, { role: "child" });
 *
 * child.place();
 * assert(await parent.waitNext());
 * ```
 */
export interface BarrierStreams {
  /** What the peer sends: bytes, or text. */
  readonly readable: ReadableStream<Uint8Array | ArrayBuffer | string>;
  /** What goes to the peer. */
  readonly writable: WritableStream<Uint8Array<ArrayBuffer>>;
  /**
   * Writes some of the bytes, and tells how many. A `Deno.Conn` is written to
   * with this, as its `writable` closes both directions when a write fails, and
   * what had arrived before is lost.
   *
   * @param bytes The bytes.
   * @returns How many of them were written.
   */
  write?(bytes: Uint8Array): Promise<number>;
  /** Sends the end of the stream, and leaves the other direction open. */
  closeWrite?(): Promise<void>;
  /** Closes both directions. */
  close?(): void;
  /** Lets the streams keep the event loop alive. */
  ref?(): void;
  /** Lets the streams not keep the event loop alive. */
  unref?(): void;
}

/**
 * What messages can be sent through: a `MessagePort`, a `Worker`, or a worker's
 * own global scope.
 */
export interface BarrierPort {
  /**
   * Sends a message to the other end.
   *
   * @param message Bytes, or `null` when this side hangs up.
   */
  postMessage(message: unknown): void;
  /**
   * Starts to listen.
   *
   * @param type `"message"` and, of a worker, `"error"`.
   * @param listener What is called with each event.
   */
  addEventListener(
    type: string,
    listener: (event: MessageEvent) => void,
  ): void;
  /**
   * Stops listening.
   *
   * @param type The type that was listened for.
   * @param listener What was called.
   */
  removeEventListener(
    type: string,
    listener: (event: MessageEvent) => void,
  ): void;
}

/** Makes two channels that are each other's peer. */
export function pairedChannels(): [BarrierChannel, BarrierChannel] {
  const near = new PairedChannel();
  const far = new PairedChannel();
  near.peer = far;
  far.peer = near;
  return [near, far];
}

/**
 * Makes a channel over streams, or over a port.
 *
 * @throws {TypeError} If the transport is neither, or its streams are locked.
 */
export function channelOver(
  transport: BarrierStreams | BarrierPort,
): BarrierChannel {
  return isPort(transport)
    ? new PortChannel(transport)
    : new StreamChannel(transport);
}

class PairedChannel implements BarrierChannel {
  peer: PairedChannel | undefined;
  receiver: BarrierReceiver | undefined;

  open(receiver: BarrierReceiver): void {
    this.receiver = receiver;
  }

  send(bytes: Uint8Array): void {
    queueMicrotask(() => this.peer?.receiver?.receive(bytes));
  }

  close(): void {
    this.receiver = undefined;
    queueMicrotask(() => this.peer?.receiver?.hangUp());
  }

  ref(): void {}

  unref(): void {}
}

function isPort(transport: unknown): transport is BarrierPort {
  return typeof transport === "object" && transport !== null &&
    "postMessage" in transport && "addEventListener" in transport;
}

/** A channel over a pair of streams. */
class StreamChannel implements BarrierChannel {
  readonly #streams: BarrierStreams;
  #reader!: ReadableStreamDefaultReader<Uint8Array | ArrayBuffer | string>;
  #writer!: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #receiver: BarrierReceiver | undefined;
  #written: Promise<void> = Promise.resolve();

  constructor(streams: BarrierStreams) {
    const { readable, writable } = Object(streams) as Partial<BarrierStreams>;
    if (
      !(readable instanceof ReadableStream) ||
      !(writable instanceof WritableStream)
    ) {
      throw new TypeError(
        "Cannot put a barrier on a transport: expected a port, or a readable and a writable stream",
      );
    }
    if (readable.locked || writable.locked) {
      throw new TypeError(
        "Cannot put a barrier on streams: they are locked, as they have a reader or a writer already",
      );
    }
    this.#streams = streams;
  }

  open(receiver: BarrierReceiver): void {
    const { readable, writable, write } = this.#streams;
    this.#reader = readable.getReader();
    this.#writer = (write ? unbuffered(this.#streams) : writable).getWriter();
    this.#receiver = receiver;
    this.unref();
    this.#read();
  }

  send(bytes: Uint8Array): void {
    this.#written = this.#writer.write(new Uint8Array(bytes));
    this.#written.catch(() => {});
  }

  close(): void {
    this.#receiver = undefined;
    this.#end();
  }

  ref(): void {
    this.#streams.ref?.();
  }

  unref(): void {
    this.#streams.unref?.();
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) break;
        this.#receiver?.receive(toBytes(value));
      }
    } catch {
      // A stream that breaks has ended.
    }
    this.#receiver?.hangUp();
    this.#receiver = undefined;
    await this.#end();
    await this.#attempt(() => this.#streams.close?.());
  }

  /**
   * Sends the end, behind what was sent. A connection is then read to the end of
   * the peer's stream: closed earlier, it might take back what is on its way.
   */
  async #end(): Promise<void> {
    await this.#attempt(() => this.#written);
    if (this.#streams.closeWrite) {
      await this.#attempt(() => this.#streams.closeWrite?.());
    } else {
      await this.#attempt(() => this.#writer.close());
      await this.#attempt(() => this.#reader.cancel());
    }
  }

  /** Tries what fails when the peer, or the user, has closed the streams. */
  async #attempt(step: () => Promise<void> | void): Promise<void> {
    try {
      await step();
    } catch {
      // There is nothing left to close.
    }
  }
}

function unbuffered(
  streams: BarrierStreams,
): WritableStream<Uint8Array<ArrayBuffer>> {
  return new WritableStream({
    async write(bytes) {
      for (let n = 0; n < bytes.length;) {
        n += await streams.write!(bytes.subarray(n));
      }
    },
  });
}

/** A channel over messages. A message that is `null` is the end. */
class PortChannel implements BarrierChannel {
  readonly #port: BarrierPort;
  #receiver: BarrierReceiver | undefined;
  #messages = 0;

  constructor(port: BarrierPort) {
    this.#port = port;
  }

  open(receiver: BarrierReceiver): void {
    this.#receiver = receiver;
    this.#port.addEventListener("message", this.#onMessage);
    if (this.#port instanceof MessagePort) this.#port.start();
    if (isWorker(this.#port)) {
      this.#port.addEventListener("error", this.#onError);
    }
  }

  send(bytes: Uint8Array): void {
    // There may be another barrier on the port by now.
    if (this.#receiver) this.#port.postMessage(bytes);
  }

  close(): void {
    if (this.#receiver) this.#port.postMessage(null);
    this.#stop();
    if (isWorker(this.#port)) {
      this.#port.removeEventListener("error", this.#onError);
    }
  }

  ref(): void {}

  unref(): void {}

  readonly #onMessage = ({ data }: MessageEvent): void => {
    this.#messages++;
    if (data === null) this.#hangUp();
    else this.#receiver?.receive(toBytes(data));
  };

  /**
   * The worker is gone, maybe after it hung up. Deno has printed the error, and
   * would end this program as well. Its messages come another way than its
   * errors, one a turn of the event loop: those it had sent are here once a turn
   * or two brought none.
   */
  readonly #onError = async (event: ErrorEvent): Promise<void> => {
    event.preventDefault();
    const error = new BarrierAbortedError(
      `Worker failed: ${printable(event.message)}`,
      { side: "peer" },
    );
    for (let quiet = 0; quiet < 2;) {
      const before = this.#messages;
      await new Promise((resolve) => setTimeout(resolve));
      quiet = this.#messages === before ? quiet + 1 : 0;
    }
    this.#hangUp(error);
  };

  #hangUp(error?: BarrierAbortedError): void {
    const receiver = this.#receiver;
    this.#stop(); // before the barrier may react with a call
    receiver?.hangUp(error);
  }

  #stop(): void {
    this.#receiver = undefined;
    this.#port.removeEventListener("message", this.#onMessage);
    if (this.#port instanceof MessagePort) this.#port.close();
  }
}

/** Whether a port is a worker. There are none in a service worker, nor in Node. */
function isWorker(port: BarrierPort): port is Worker {
  return typeof Worker === "function" && port instanceof Worker;
}

/**
 * Makes bytes of what a stream or a port brings. What is neither bytes nor text
 * becomes a line that the barrier will find to be a violation.
 */
function toBytes(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (typeof data === "string") return encode(data);
  return encode(`${Object.prototype.toString.call(data)}\n`);
}
