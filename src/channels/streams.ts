// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { BarrierChannel, MessageReceiver } from "../barrier/channel.ts";
import { shown } from "../barrier/lines.ts";
import { setTimeout } from "../runtime/timers.ts";
import { PacedReceiver } from "./paced.ts";

/**
 * A pair of byte streams that carries a barrier, such as a `Deno.Conn` or what
 * `WebSocketStream.opened` resolves to.
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
  /** What is sent to the peer. */
  readonly writable: WritableStream<Uint8Array<ArrayBuffer>>;
  /** Closes the writable side, and leaves the readable side open. */
  closeWrite?(): Promise<void>;
  /** Closes both sides. */
  close?(): void;
  /** Makes the streams keep the event loop alive. */
  ref?(): void;
  /** Stops the streams from keeping the event loop alive. */
  unref?(): void;
}

/** Streams that are a `Deno.Conn`. */
interface Connection extends BarrierStreams {
  /** Writes some of the bytes, and resolves to the number written. */
  write(bytes: Uint8Array): Promise<number>;
}

/** How long, in milliseconds, a connection that takes no bytes is left alone. */
const WRITE_RETRY = 10;

/** A channel over a pair of streams. */
export class StreamChannel implements BarrierChannel {
  readonly #streams: BarrierStreams;
  #reader!: ReadableStreamDefaultReader<Uint8Array | ArrayBuffer | string>;
  #writer!: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #receiver: PacedReceiver | undefined;
  #written: Promise<void> = Promise.resolve();

  /** @throws {TypeError} If these are not streams, or they are locked. */
  constructor(streams: BarrierStreams) {
    const { readable, writable } = Object(streams) as Partial<BarrierStreams>;
    if (
      !(readable instanceof ReadableStream) ||
      !(writable instanceof WritableStream)
    ) {
      throw new TypeError(
        `Cannot create a barrier: the transport must be a port, a WebSocket, or a pair of readable and writable streams, received ${
          shown(streams)
        }`,
      );
    }
    if (readable.locked || writable.locked) {
      throw new TypeError(
        "Cannot create a barrier: the streams are locked; release their readers and writers first",
      );
    }
    this.#streams = streams;
  }

  open(receiver: MessageReceiver): void {
    const { readable, writable } = this.#streams;
    this.#reader = readable.getReader();
    this.#writer = isConnection(this.#streams)
      ? this.#writeDirectly(this.#streams).getWriter()
      : writable.getWriter();
    this.#receiver = new PacedReceiver(receiver);
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
        this.#receiver?.receiveData(value);
        await this.#receiver?.backlog;
      }
      this.#receiver?.hangUp();
    } catch (cause) {
      this.#receiver?.fail(cause);
    }
    this.#receiver = undefined;
    await this.#end();
    await attempt(() => this.#streams.close?.());
  }

  /**
   * Closes the writable side, after everything that was sent. A connection is
   * then read to the end of the peer's stream, because closing it earlier could
   * discard what the peer has not read yet.
   */
  async #end(): Promise<void> {
    await attempt(() => this.#written);
    if (this.#streams.closeWrite) {
      await attempt(() => this.#streams.closeWrite?.());
    } else {
      await attempt(() => this.#writer.close());
      await attempt(() => this.#reader.cancel());
    }
  }

  /**
   * Returns a stream that writes to a connection. The connection's own stream
   * closes both sides when a write fails, and discards what had arrived.
   */
  #writeDirectly(
    connection: Connection,
  ): WritableStream<Uint8Array<ArrayBuffer>> {
    return new WritableStream({
      write: async (bytes, controller) => {
        for (let n = 0; n < bytes.length && !controller.signal.aborted;) {
          const written = await connection.write(bytes.subarray(n));
          n += written;
          if (written > 0) continue;
          if (!this.#receiver) break; // nobody waits for it
          await new Promise<void>((resolve) =>
            setTimeout(resolve, WRITE_RETRY)
          );
        }
      },
    });
  }
}

/** What only a `Deno.Conn` has. */
const CONNECTION = ["read", "write", "closeWrite", "localAddr", "remoteAddr"];

function isConnection(streams: BarrierStreams): streams is Connection {
  return CONNECTION.every((name) => name in streams);
}

/** Makes a step that can fail because the streams are closed already. */
async function attempt(step: () => Promise<void> | void): Promise<void> {
  try {
    await step();
  } catch {
    // There is nothing left to close.
  }
}
