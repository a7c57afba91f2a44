// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { BarrierChannel, MessageReceiver } from "../barrier/channel.ts";
import { shown } from "../barrier/lines.ts";
import type { BarrierStreams } from "../barrier/transports.ts";
import { setTimeout } from "../runtime/timers.ts";
import { PacedReceiver } from "./paced.ts";

/** Streams that are a `Deno.Conn`. */
interface Connection extends BarrierStreams {
  /** Reads into the buffer; resolves to the number of bytes, `null` at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes some of the bytes, and resolves to the number written. */
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}

/** How many bytes of a connection are read at a time. */
const READ_SIZE = 16 * 1024;

/** How long, in milliseconds, a connection that takes no bytes is left alone. */
const WRITE_RETRY = 10;

/**
 * Returns a channel over a pair of streams.
 *
 * @throws {TypeError} If these are not streams, or they are locked.
 */
export function overStreams(streams: BarrierStreams): BarrierChannel {
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
  return isConnection(streams)
    ? new ConnectionChannel(streams)
    : new StreamChannel(streams);
}

/** A channel over a pair of streams. */
class StreamChannel implements BarrierChannel {
  readonly #streams: BarrierStreams;
  #reader!: ReadableStreamDefaultReader<Uint8Array | ArrayBuffer | string>;
  #writer!: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #receiver: PacedReceiver | undefined;
  #written: Promise<void> = Promise.resolve();

  constructor(streams: BarrierStreams) {
    this.#streams = streams;
  }

  open(receiver: MessageReceiver): void {
    this.#reader = this.#streams.readable.getReader();
    this.#writer = this.#streams.writable.getWriter();
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
   * Closes the writable side, after everything that was sent. What can close it
   * alone is then read to the end of the peer's stream.
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
}

/**
 * A channel over a `Deno.Conn`. It reads and writes the connection itself, because
 * streams take twice the time. Its writable stream would also close both sides
 * when a write fails, and discard what had arrived.
 */
class ConnectionChannel implements BarrierChannel {
  readonly #connection: Connection;
  #receiver: PacedReceiver | undefined;
  /** What is sent during a write goes together, after it. */
  #queue: Uint8Array[] = [];
  /** Settles when everything that was sent is written; `undefined` if it is. */
  #writing: Promise<void> | undefined;
  #isBroken = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  open(receiver: MessageReceiver): void {
    // Nothing else can use the streams then.
    this.#connection.readable.getReader();
    this.#connection.writable.getWriter();
    this.#receiver = new PacedReceiver(receiver);
    this.unref();
    this.#read();
  }

  send(bytes: Uint8Array): void {
    if (this.#isBroken) return;
    this.#queue.push(bytes);
    this.#writing ??= this.#write();
  }

  close(): void {
    this.#receiver = undefined;
    this.#end();
  }

  ref(): void {
    this.#connection.ref?.();
  }

  unref(): void {
    this.#connection.unref?.();
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(READ_SIZE);
    try {
      for (;;) {
        const length = await this.#connection.read(buffer);
        if (length === null) break;
        this.#receiver?.receive(buffer.subarray(0, length));
        const backlog = this.#receiver?.backlog;
        if (backlog) await backlog;
      }
      this.#receiver?.hangUp();
    } catch (cause) {
      this.#receiver?.fail(cause);
    }
    this.#receiver = undefined;
    await this.#end();
    await attempt(() => this.#connection.close());
  }

  async #write(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const bytes = join(this.#queue);
        this.#queue = [];
        await this.#writeAll(bytes);
      }
    } catch {
      this.#isBroken = true; // what has arrived is still read
      this.#queue = [];
    }
    this.#writing = undefined;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let n = 0; n < bytes.length;) {
      const rest = n === 0 ? bytes : bytes.subarray(n);
      const written = await this.#connection.write(rest);
      n += written;
      if (written > 0) continue;
      if (!this.#receiver) break; // it would keep the process alive
      await new Promise<void>((resolve) => setTimeout(resolve, WRITE_RETRY));
    }
  }

  /**
   * Sends the end, after everything that was sent. The connection is then read to
   * the end of the peer's stream, because closing it earlier could discard what
   * the peer has not read yet.
   */
  async #end(): Promise<void> {
    await this.#writing;
    await attempt(() => this.#connection.closeWrite());
  }
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  if (first && pieces.length === 1) return first;
  const length = pieces.reduce((length, piece) => length + piece.length, 0);
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
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
