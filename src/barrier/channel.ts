// Copyright 2026 the @ipc/barrier authors. MIT license.

/* The interface between a barrier and its channel, their options and their error. */

import type { BarrierAbortedError } from "./error.ts";
import { type Message, shown } from "./lines.ts";
import type { BarrierObserver } from "./observer.ts";

/** Which side of a {@linkcode Barrier} this is. The rules of both are the same. */
export type BarrierRole = "parent" | "child";

/** Options for the waits of a {@linkcode Barrier}. */
export interface BarrierWaitOptions {
  /**
   * Cancels the wait: it rejects with the signal's reason, and takes nothing.
   * `AbortSignal.timeout(ms)` makes a timeout, in milliseconds.
   */
  signal?: AbortSignal | undefined;
}

/** Options for the constructor of {@linkcode Barrier}, and {@linkcode Barrier.over}. */
export interface BarrierOptions {
  /**
   * Which side this is.
   *
   * @default {"parent"}
   */
  role?: BarrierRole | undefined;
  /**
   * The counter to start from: barriers that were placed here and not yet
   * matched by the peer's, before this object took over.
   *
   * @default {0}
   */
  barriers?: number | undefined;
}

/** The options that the other modules of this package can pass as well. */
export interface InternalOptions extends BarrierOptions {
  /** What is called with everything that happens. */
  observer?: BarrierObserver | undefined;
  /** Returns what `console.log(barrier)` shows after the role. */
  details?: (() => Record<string, unknown>) | undefined;
}

/**
 * Checks options, and adds the defaults.
 *
 * @throws {TypeError} If the role is neither side.
 * @throws {RangeError} If the counter is not a safe integer.
 */
export function checkOptions(
  { role = "parent", barriers = 0, observer, details }: InternalOptions,
): InternalOptions & { role: BarrierRole; barriers: number } {
  if (role !== "parent" && role !== "child") {
    throw new TypeError(
      `Cannot create a barrier: 'role' must be "parent" or "child", received ${
        shown(role)
      }`,
    );
  }
  if (!Number.isSafeInteger(barriers)) {
    throw new RangeError(
      `Cannot create a barrier: 'barriers' must be a safe integer, received ${
        shown(barriers)
      }`,
    );
  }
  return { role, barriers, observer, details };
}

/**
 * Checks that a value is a channel.
 *
 * @throws {TypeError} If it is not.
 */
export function checkChannel(channel: unknown): void {
  const methods = ["open", "send", "close", "ref", "unref"];
  const object = Object(channel) as Record<string, unknown>;
  const missing = methods.find((name) => typeof object[name] !== "function");
  if (missing === undefined) return;
  throw new TypeError(
    `Cannot create a barrier: the channel must have a method '${missing}', received ${
      shown(channel)
    }`,
  );
}

/**
 * Returns a rejected promise if a wait must not begin, because its signal is not
 * an `AbortSignal` or is aborted.
 */
export function refused(
  signal: AbortSignal | undefined,
): Promise<never> | undefined {
  if (signal === undefined) return undefined;
  // Not by its class, because it can come from another realm.
  if (typeof signal?.addEventListener !== "function") {
    return Promise.reject(
      new TypeError(
        `Cannot wait: 'signal' must be an AbortSignal, received ${
          shown(signal)
        }`,
      ),
    );
  }
  return signal.aborted ? Promise.reject(signal.reason) : undefined;
}

/** What a {@linkcode BarrierChannel} delivers to the barrier that uses it. */
export interface BarrierReceiver {
  /**
   * Bytes have arrived from the peer, in the order in which it sent them.
   *
   * @param bytes The bytes. They are not kept.
   */
  receive(bytes: Uint8Array): void;
  /**
   * Nothing more will arrive, though the peer may live on. A wait that needs
   * more than has arrived fails, and only then is
   * {@linkcode Barrier.prototype.signal} aborted.
   *
   * @param error What is known of it, for the signal.
   */
  end(error?: BarrierAbortedError): void;
  /**
   * The peer is gone, and all that it had sent has been received.
   * {@linkcode Barrier.prototype.signal} is aborted immediately.
   *
   * @param error What is known of it, for the signal.
   */
  hangUp(error?: BarrierAbortedError): void;
}

/**
 * What a channel of this module delivers to: it can also deliver messages that
 * it has parsed itself.
 */
export interface MessageReceiver extends BarrierReceiver {
  /**
   * Messages have arrived from the peer, all of them together: a wait that
   * consumes everything consumes them all.
   *
   * @param messages The messages, in the order in which the peer sent them.
   */
  deliver(messages: readonly Message[]): void;
}

/**
 * What carries a barrier's bytes. The channels of this module are made by
 * {@linkcode Barrier.pair}, {@linkcode Barrier.over}, `spawnWithBarrier` and
 * `inheritBarrier`; implement this to put a barrier on something else.
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
   * Whether a line of other text is a barrier with that text as its note, and
   * not a violation of the protocol. Many daemons announce that they are ready
   * with a line of text on a file descriptor.
   */
  readonly acceptsText?: boolean;
  /**
   * Starts the delivery of what arrives. The channel does not keep the event
   * loop alive until {@linkcode BarrierChannel.ref} is called.
   *
   * @param receiver The barrier to deliver to, never before this call returned.
   */
  open(receiver: BarrierReceiver): void;
  /**
   * Sends bytes to the peer. It never blocks and never throws: a peer that
   * is gone takes no bytes, and is reported by
   * {@linkcode BarrierReceiver.hangUp}, after this call returned.
   *
   * @param bytes The bytes to send. They are not changed afterwards, and must
   * not be changed or transferred by the channel.
   */
  send(bytes: Uint8Array): void;
  /** Hangs up, after what was sent. Nothing is delivered any more. */
  close(): void;
  /** A wait is pending: the channel keeps the event loop alive, until `unref()`. */
  ref(): void;
  /** No wait is pending: the channel does not keep the event loop alive. */
  unref(): void;
  /**
   * The barrier's signal has been accessed: after this call, what arrives must be
   * delivered even while no wait is pending. Channels that always do so omit this
   * method.
   */
  watch?(): void;
}
