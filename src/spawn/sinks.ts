// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Where a child's output goes. */

import { CR, LF } from "../barrier/lines.ts";
import { SocketReference } from "../runtime/socket.ts";
import type { StandardOutput } from "../runtime/standard_output.ts";
import { ByteQueue } from "./byte_queue.ts";
import { type Forwarded, Forwarder } from "./forwarder.ts";
import type { Socket } from "node:net";

/** How many bytes of a child's output are buffered for a slow reader. */
const BACKLOG_MAX = 16 * 1024 * 1024;

/** Where a child's output goes. */
export interface Sink {
  /** Whether it is full, so that the child must wait. */
  readonly isFull: boolean;
  /**
   * Takes bytes.
   *
   * @param bytes The bytes. They are not kept.
   */
  push(bytes: Uint8Array): void;
  /** Reports the end of the output. */
  end(): void;
}

/** What a sink that holds bytes reports. */
export interface SinkEvents {
  /** It is no longer full. */
  onRoom: () => void;
  /** The reader wants no more. */
  onClosed: () => void;
}

/** The output is discarded. */
export class NullSink implements Sink {
  readonly isFull = false;

  push(): void {}

  end(): void {}
}

/** The output is written to this process's own stdout or stderr. */
export class ForwardSink implements Sink, Forwarded {
  readonly #forwarder: Forwarder;
  readonly #events: SinkEvents;
  readonly #queue = new ByteQueue();
  /** How many bytes were pushed, and how many of them were written or dropped. */
  #pushed = 0;
  #written = 0;
  #isBroken = false;
  #flushes: { position: number; resolve: () => void }[] = [];
  /** Why some of the output is lost. */
  failure: unknown;

  /**
   * @param target Where to write.
   * @param events Called when it has room, and when the target has no reader.
   */
  constructor(target: StandardOutput, events: SinkEvents) {
    this.#forwarder = Forwarder.to(target);
    this.#events = events;
  }

  get isFull(): boolean {
    return this.size >= BACKLOG_MAX;
  }

  get size(): number {
    return this.#queue.size;
  }

  get hasLine(): boolean {
    return this.#queue.hasLine;
  }

  /** Whether something is still to be written. */
  get isWriting(): boolean {
    return this.#written < this.#pushed;
  }

  push(bytes: Uint8Array): void {
    if (this.#isBroken) return;
    this.#queue.push(bytes);
    this.#pushed += bytes.length;
    this.#forwarder.add(this);
  }

  end(): void {}

  take(upToLineEnd: boolean): Uint8Array {
    const wasFull = this.isFull;
    const bytes = this.#queue.shift(upToLineEnd)!;
    if (wasFull && !this.isFull) this.#events.onRoom();
    return bytes;
  }

  onWritten(length: number, error?: unknown): void {
    this.#written += length;
    if (error instanceof Deno.errors.BrokenPipe) this.#break();
    else this.failure ??= error;
    const done = this.#flushes.filter(({ position }) =>
      position <= this.#written
    );
    if (done.length === 0) return;
    this.#flushes = this.#flushes.slice(done.length);
    for (const { resolve } of done) resolve();
  }

  /** Waits until all that was pushed so far has been written. */
  async flush(): Promise<void> {
    if (!this.isWriting) return;
    const position = this.#pushed;
    await new Promise<void>((resolve) => {
      this.#flushes.push({ position, resolve });
    });
  }

  #break(): void {
    this.#isBroken = true;
    this.#queue.clear();
    this.#written = this.#pushed;
    this.#events.onClosed();
    this.#events.onRoom();
  }
}

/** How many bytes of a longer line are passed to the caller at a time. */
const LINE_PIECE = 64 * 1024;

/** The output is passed to a function of the caller's, line by line. */
export class LineSink implements Sink {
  readonly isFull = false;
  readonly #onLine: (line: string) => void;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** A line whose end has not arrived yet. */
  #line = new Uint8Array(0);
  #length = 0;
  /** Whether a piece of that line was passed on. */
  #isCut = false;

  /** @param onLine The function. What it throws goes to `reportError()`. */
  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(bytes: Uint8Array): void {
    let start = 0;
    for (let end; (end = bytes.indexOf(LF, start)) >= 0; start = end + 1) {
      this.#endLine(bytes.subarray(start, end));
    }
    if (start < bytes.length) this.#keep(bytes.subarray(start));
  }

  end(): void {
    if (this.#length > 0) this.#endLine(new Uint8Array(0));
  }

  #endLine(rest: Uint8Array): void {
    if (this.#length > 0 || rest.length > LINE_PIECE) {
      this.#keep(rest);
      rest = this.#line.subarray(0, this.#length);
    }
    const line = rest.at(-1) === CR ? rest.subarray(0, -1) : rest;
    const isWanted = line.length > 0 || !this.#isCut;
    const text = this.#decoder.decode(line);
    this.#length = 0;
    this.#isCut = false;
    if (isWanted) this.#pass(text);
  }

  /** Adds to the unfinished line, and passes on what is too long of it. */
  #keep(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length;) {
      if (this.#length === LINE_PIECE) this.#cut();
      const added = bytes.subarray(start, start + LINE_PIECE - this.#length);
      this.#reserve(this.#length + added.length);
      this.#line.set(added, this.#length);
      this.#length += added.length;
      start += added.length;
    }
  }

  #cut(): void {
    const text = this.#decoder.decode(this.#line.subarray(0, this.#length), {
      stream: true, // a character may be cut as well
    });
    this.#length = 0;
    this.#isCut = true;
    this.#pass(text);
  }

  #reserve(length: number): void {
    if (length <= this.#line.length) return;
    const size = Math.min(LINE_PIECE, Math.max(256, 2 * length));
    const line = new Uint8Array(size);
    line.set(this.#line.subarray(0, this.#length));
    this.#line = line;
  }

  #pass(text: string): void {
    try {
      this.#onLine(text);
    } catch (error) {
      // Within a read of a socket, Deno (2.9) would print "Uncaught null".
      queueMicrotask(() => reportError(error));
    }
  }
}

/** The output is a stream for the caller, like those of `Deno.ChildProcess`. */
export class StreamSink implements Sink {
  readonly stream: Deno.SubprocessReadableStream;
  readonly #reference: SocketReference;
  readonly #events: SinkEvents;
  readonly #queue = new ByteQueue();
  #controller!: ReadableByteStreamController;
  #isWanted = false;
  #isEnded = false;
  /** Whether the stream has ended, or its reader has canceled it. */
  #isClosed = false;

  /**
   * @param source The pipe that keeps this process alive while a read is pending.
   * @param events Called when it has room, and when the caller wants no more.
   */
  constructor(source: Socket, events: SinkEvents) {
    this.#reference = SocketReference.of(source);
    this.#events = events;
    const stream = new ReadableStream({
      type: "bytes",
      start: (controller) => {
        this.#controller = controller;
      },
      // The stream holds no bytes itself, so it calls this only for a read that
      // is pending, and only such a read keeps this process alive.
      pull: () => {
        this.#isWanted = true;
        this.#deliver();
      },
      cancel: () => {
        this.#isClosed = true;
        this.#queue.clear();
        this.#reference.hold("read", false);
        this.#events.onClosed();
        this.#events.onRoom();
      },
    });
    const rest = async () => new Blob(await Array.fromAsync(stream));
    this.stream = Object.assign(stream, {
      arrayBuffer: async () => (await rest()).arrayBuffer(),
      bytes: async () => (await rest()).bytes(),
      json: async () => JSON.parse(await (await rest()).text()),
      text: async () => (await rest()).text(),
    });
  }

  get isFull(): boolean {
    return this.#queue.size >= BACKLOG_MAX;
  }

  push(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#queue.push(bytes);
    this.#deliver();
  }

  end(): void {
    this.#isEnded = true;
    this.#deliver();
  }

  #deliver(): void {
    // A read that takes a chunk may be followed by another one, for which
    // `enqueue()` calls `pull()`, and that calls this.
    while (this.#isWanted && !this.#isClosed) {
      const wasFull = this.isFull;
      const bytes = this.#queue.shift();
      if (bytes === undefined) break;
      this.#isWanted = false;
      this.#controller.enqueue(bytes);
      if (wasFull && !this.isFull) this.#events.onRoom();
    }
    if (this.#isWanted && this.#isEnded && !this.#isClosed) this.#close();
    this.#reference.hold("read", this.#isWanted && !this.#isClosed);
  }

  #close(): void {
    this.#isWanted = false;
    this.#isClosed = true;
    this.#controller.close();
    this.#controller.byobRequest?.respond(0);
  }
}
