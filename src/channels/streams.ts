// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { BarrierChannel, MessageReceiver } from "../barrier/channel.ts";
import { PacedReceiver } from "./paced.ts";

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
   * Writes some of the bytes, and resolves to the number written. A `Deno.Conn` is written to
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

/** A channel over a pair of streams. */
export class StreamChannel implements BarrierChannel {
  readonly #streams: BarrierStreams;
  #reader!: ReadableStreamDefaultReader<Uint8Array | ArrayBuffer | string>;
  #writer!: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #receiver: PacedReceiver | undefined;
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

  open(receiver: MessageReceiver): void {
    const { readable, writable, write } = this.#streams;
    this.#reader = readable.getReader();
    this.#writer = (write ? unbuffered(this.#streams) : writable).getWriter();
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
    } catch {
      // A stream that breaks has ended.
    }
    this.#receiver?.hangUp();
    this.#receiver = undefined;
    await this.#end();
    await this.#attempt(() => this.#streams.close?.());
  }

  /**
   * Sends the end, after what was sent. A connection is then read to the end of
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
