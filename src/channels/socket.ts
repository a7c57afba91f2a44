// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * A channel between processes: one socket, or two pipes. Both go through
 * `node:net`, whose writes reach the kernel before they return: a barrier that
 * was placed arrives even if `Deno.exit()` is the next call.
 */

import type { BarrierChannel, MessageReceiver } from "../barrier/channel.ts";
import type { BarrierAbortedError } from "../barrier/error.ts";
import { atUnload, runAtExit } from "../runtime/at_exit.ts";
import {
  ended,
  openInheritedSocket,
  SocketReference,
  watchWrites,
} from "../runtime/socket.ts";
import { PacedReceiver } from "./paced.ts";
import type { Socket } from "node:net";

/** What a {@linkcode SocketChannel} consists of. */
export interface SocketChannelOptions {
  readable: Socket;
  writable: Socket;
  /** Whether a line of other text is a barrier. */
  acceptsText: boolean;
}

/**
 * A channel over one socket, or over two pipes. It does not read them itself:
 * whoever does calls {@linkcode SocketChannel.prototype.receive}.
 */
export class SocketChannel implements BarrierChannel {
  readonly acceptsText: boolean;
  /** Resolves when the peer's stream has ended. */
  readonly ended: Promise<void>;
  protected readonly readable: Socket;
  protected receiver: PacedReceiver | undefined;
  /** Whether everything is read now, however much it is. */
  protected isDraining = false;
  readonly #writer: SocketWriter;
  readonly #reading: SocketReference;
  #wanted = false;

  constructor(options: SocketChannelOptions) {
    const { readable, writable, acceptsText } = options;
    this.readable = readable;
    readable.on("error", () => {}); // "close" follows
    this.acceptsText = acceptsText;
    this.#reading = SocketReference.of(readable);
    this.#writer = new SocketWriter(writable);
    this.ended = ended(readable);
  }

  open(receiver: MessageReceiver): void {
    this.receiver = new PacedReceiver(receiver);
  }

  /**
   * Delivers bytes that were read to the barrier.
   *
   * @returns Whether to go on reading. If not, the socket is resumed later.
   */
  receive(bytes: Uint8Array): boolean {
    this.receiver?.receive(bytes);
    return this.goesOn();
  }

  /** Returns whether to go on reading. If not, the socket is resumed later. */
  goesOn(): boolean {
    const backlog = this.receiver?.backlog;
    if (backlog === undefined || this.isDraining) return true;
    backlog.then(() => this.readable.resume());
    return false;
  }

  send(bytes: Uint8Array): void {
    this.#writer.write(bytes);
  }

  /** Reports that the peer has hung up. */
  hangUp(error?: BarrierAbortedError): void {
    const { receiver } = this;
    this.receiver = undefined;
    this.keepAlive();
    this.#writer.destroy();
    receiver?.hangUp(error);
  }

  close(): void {
    this.receiver = undefined;
    this.keepAlive();
    this.#writer.end();
  }

  ref(): void {
    this.#wanted = true;
    this.keepAlive();
  }

  unref(): void {
    this.#wanted = false;
    this.keepAlive();
  }

  /** Whether a pending wait must keep the event loop alive. */
  protected get isWaitedFor(): boolean {
    return this.#wanted && this.receiver !== undefined;
  }

  protected keepAlive(): void {
    this.#reading.hold("wait", this.isWaitedFor);
  }
}

/** The channel of a child that has inherited it: its end is the hang-up. */
export class InheritedChannel extends SocketChannel {
  /**
   * Opens a descriptor that this process has inherited.
   *
   * @throws {Deno.errors.BadResource} If it is not a pipe or a connected socket.
   */
  static async from(fd: number): Promise<InheritedChannel> {
    const socket = await openInheritedSocket(
      fd,
      (bytes) => channel.receive(bytes),
    );
    const channel = new InheritedChannel({
      readable: socket,
      writable: socket,
      acceptsText: true,
    });
    return channel;
  }

  override open(receiver: MessageReceiver): void {
    super.open(receiver);
    this.ended.then(() => this.hangUp());
  }
}

/**
 * How many writes of one turn go to the kernel one by one. Each takes hundreds of
 * bytes of the socket's buffer, which holds 8 KiB on some systems, so a loop that
 * places barriers by the thousand would soon find it full; what exceeds this goes
 * together.
 */
const WRITES_PER_TURN = 4;

/** Writes what is sent on a channel. */
class SocketWriter {
  readonly #socket: Socket;
  /** How many writes this turn has seen. */
  #writes = 0;
  /** What goes together at the end of the turn. */
  #held = new Uint8Array(0);
  #heldLength = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    const reference = SocketReference.of(socket);
    watchWrites(socket, (writing) => reference.hold("write", writing));
    // During exit there is no later turn, so flush from the exit hook.
    socket.once("close", runAtExit(this.#flush));
    // The runtime leaves the socket open at a restart of `deno run --watch`.
    socket.once("close", atUnload(() => socket.destroy()));
  }

  write(bytes: Uint8Array): void {
    if (this.#writes === 0) queueMicrotask(this.#flush);
    if (this.#writes++ < WRITES_PER_TURN) this.#write(bytes);
    else this.#hold(bytes);
  }

  /** Ends the stream, after what was written. */
  end(): void {
    this.#flush();
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #hold(bytes: Uint8Array): void {
    const length = this.#heldLength + bytes.length;
    if (length > this.#held.length) {
      const grown = new Uint8Array(Math.max(2 * length, 4_096));
      grown.set(this.#held);
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldLength);
    this.#heldLength = length;
  }

  /** Hands everything over, at the end of a turn or of the program. */
  readonly #flush = (): void => {
    this.#writes = 0;
    if (this.#heldLength === 0) return;
    this.#write(this.#held.subarray(0, this.#heldLength));
    this.#held = new Uint8Array(0);
    this.#heldLength = 0;
  };

  #write(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }
}
