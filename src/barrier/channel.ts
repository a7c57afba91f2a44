// Copyright 2026 the @ipc/barrier authors. MIT license.

/* What a barrier and its channel require of each other. */

import type { BarrierAbortedError } from "./error.ts";
import type { Message } from "./lines.ts";

/** The callbacks through which a {@linkcode BarrierChannel} reports to its barrier. */
export interface BarrierReceiver {
  /**
   * Delivers bytes from the peer, in the order in which the peer sent them. They
   * are read before this returns, so deliver at most some 64 KiB at a time.
   *
   * @param bytes The bytes. The channel can reuse them afterwards.
   */
  receive(bytes: Uint8Array): void;
  /**
   * Reports that the peer has closed its end, although it may still be running.
   * Waits that need another barrier fail, and the first of them aborts
   * {@linkcode Barrier.prototype.signal}.
   *
   * @param error The reason for the signal; by default that the peer hung up.
   */
  end(error?: BarrierAbortedError): void;
  /**
   * Reports that the peer has hung up, after everything that it sent was delivered.
   * {@linkcode Barrier.prototype.signal} is aborted immediately.
   *
   * @param error The reason for the signal; by default that the peer hung up.
   */
  hangUp(error?: BarrierAbortedError): void;
}

/** The same callbacks, for a channel that parses some messages itself. */
export interface MessageReceiver extends BarrierReceiver {
  /**
   * Delivers messages from the peer as one arrival: a wait that consumes
   * everything that has arrived consumes them all.
   *
   * @param messages The messages, in the order in which the peer sent them. A
   * note must not be a part of a longer string, which would stay in memory.
   */
  deliver(messages: readonly Message[]): void;
}

/**
 * A bidirectional channel that carries a barrier's bytes. Implement this to use a
 * transport for which neither {@linkcode Barrier.pair} nor
 * {@linkcode Barrier.over}, `spawnWithBarrier` or `inheritBarrier` has a channel.
 *
 * @example Two channels that are each other's peer
 * ```ts
 * import {
 *   Barrier,
 *   type BarrierChannel,
 *   type BarrierReceiver,
 * } from "@ipc/barrier/barrier";
 * import { assert } from "@std/assert";
 *
 * class Loopback implements BarrierChannel {
 *   peer?: Loopback;
 *   receiver?: BarrierReceiver;
 *   open(receiver: BarrierReceiver) {
 *     this.receiver = receiver;
 *   }
 *   send(bytes: Uint8Array) {
 *     queueMicrotask(() => this.peer?.receiver?.receive(bytes));
 *   }
 *   close() {
 *     queueMicrotask(() => this.peer?.receiver?.hangUp());
 *   }
 *   ref() {}
 *   unref() {}
 * }
 *
 * const near = new Loopback();
 * const far = new Loopback();
 * near.peer = far;
 * far.peer = near;
 * using parent = new Barrier(near, { role: "parent" });
 * using child = new Barrier(far, { role: "child" });
 *
 * child.place();
 * assert(await parent.waitNext());
 * ```
 */
export interface BarrierChannel {
  /**
   * Whether any other line of text counts as a barrier with that text as its note.
   * Otherwise it is a violation of the protocol. Many daemons write such a line to
   * a file descriptor when they are ready.
   */
  readonly acceptsText?: boolean;
  /**
   * Starts to deliver what arrives. The channel must not keep the event loop
   * alive before {@linkcode BarrierChannel.ref} is called.
   *
   * @param receiver The callbacks of the barrier. They must not be called before
   * this method has returned.
   */
  open(receiver: BarrierReceiver): void;
  /**
   * Sends bytes to the peer. It must not block and must not throw. If the peer is
   * gone, the channel discards the bytes, and calls
   * {@linkcode BarrierReceiver.hangUp} after this method has returned.
   *
   * @param bytes The bytes to send. The barrier does not change them afterwards.
   * The channel must not change or transfer them.
   */
  send(bytes: Uint8Array): void;
  /**
   * Hangs up, after everything that was sent. The channel must not deliver
   * anything after this call.
   */
  close(): void;
  /** Makes the channel keep the event loop alive, because a wait is pending. */
  ref(): void;
  /** Stops the channel from keeping the event loop alive. */
  unref(): void;
  /**
   * Makes the channel deliver what arrives even while no wait is pending, because
   * the barrier's signal was accessed. Channels that always do so omit this
   * method.
   */
  watch?(): void;
}
