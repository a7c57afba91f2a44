// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Where a child's output goes. */

import { SocketReference } from "../runtime/socket.ts";
import { type StandardOutput, writeWhole } from "../runtime/standard_output.ts";
import { ByteQueue } from "./byte_queue.ts";
import type { Socket } from "node:net";

/** How many bytes of a child's output are kept for a reader that is behind. */
const BACKLOG_MAX = 16 * 1024 * 1024;

/** Where a child's output goes. */
export interface Sink {
  /** Whether it holds as much as it may, and the child has to wait. */
  readonly isFull: boolean;
  /**
   * Takes bytes.
   *
   * @param bytes The bytes. They are not kept.
   */
  push(bytes: Uint8Array): void;
  /** There are no more. */
  end(): void;
}

/** Nobody wants the output. */
export class NullSink implements Sink {
  readonly isFull = false;

  push(): void {}

  end(): void {}
}

/** What a sink that holds bytes tells. */
export interface SinkEvents {
  /** It is no longer full. */
  onRoom: () => void;
  /** Nobody wants any more. */
  onClosed: () => void;
}

/** The output is written to this process's own stdout or stderr. */
export class ForwardSink implements Sink {
  readonly #target: StandardOutput;
  readonly #events: SinkEvents;
  readonly #queue = new ByteQueue();
  #writing: Promise<void> | undefined;
  #isBroken = false;

  /**
   * @param target Where to write.
   * @param events Called when it has room, and when nobody reads the target.
   */
  constructor(target: StandardOutput, events: SinkEvents) {
    this.#target = target;
    this.#events = events;
  }

  get isFull(): boolean {
    return this.#queue.size >= BACKLOG_MAX;
  }

  push(bytes: Uint8Array): void {
    if (this.#isBroken) return;
    this.#queue.push(bytes);
    this.#writing ??= this.#write();
  }

  end(): void {}

  /** Whether something is still to be written. */
  get isWriting(): boolean {
    return this.#writing !== undefined;
  }

  /** Waits until all has been written. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  async #write(): Promise<void> {
    try {
      for (let bytes; (bytes = this.#queue.shift()) !== undefined;) {
        if (!this.isFull) this.#events.onRoom();
        await writeWhole(this.#target, bytes);
      }
    } catch {
      this.#isBroken = true;
      this.#queue.clear();
      this.#events.onClosed();
      this.#events.onRoom();
    }
    this.#writing = undefined;
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
  #isCancelled = false;

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
        this.#isCancelled = true;
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
    if (this.#isCancelled) return;
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
    while (this.#isWanted && !this.#isCancelled) {
      const bytes = this.#queue.shift();
      if (bytes === undefined) break;
      this.#isWanted = false;
      this.#controller.enqueue(bytes);
      if (!this.isFull) this.#events.onRoom();
    }
    if (this.#isWanted && this.#isEnded && !this.#isCancelled) this.#close();
    this.#reference.hold("read", this.#isWanted && !this.#isCancelled);
  }

  #close(): void {
    this.#isWanted = false;
    this.#isCancelled = true;
    this.#controller.close();
    this.#controller.byobRequest?.respond(0);
  }
}
