// Copyright 2026 the @ipc/barrier authors. MIT license.

/* What `Barrier.over()` accepts. */

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

/**
 * An object that messages can be sent through: a `MessagePort`, a `Worker`, or a
 * worker's own global scope.
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
   * @param type The type of the events: `"message"`, `"close"` or `"error"`.
   * @param listener The function to call with each event.
   */
  addEventListener(
    type: string,
    listener: (event: Event) => void,
  ): void;
  /**
   * Stops listening.
   *
   * @param type The type that was passed to `addEventListener`.
   * @param listener The function that was passed to it.
   */
  removeEventListener(
    type: string,
    listener: (event: Event) => void,
  ): void;
}

/** A `Worker` or a `MessagePort` of Node's `worker_threads`. */
export interface BarrierEmitter {
  /**
   * Sends a message to the other end.
   *
   * @param message Bytes, or `null` when this side hangs up.
   */
  postMessage(message: unknown): void;
  /**
   * Starts to listen.
   *
   * @param event The event: `"message"`, `"close"`, `"error"` or `"exit"`.
   * @param listener The function to call with each message, error or exit code.
   */
  on(event: string, listener: (value: unknown) => void): unknown;
  /**
   * Stops listening.
   *
   * @param event The event that was passed to `on`.
   * @param listener The function that was passed to it.
   */
  off(event: string, listener: (value: unknown) => void): unknown;
}

/** A `WebSocket`, of a client or of a server. */
export interface BarrierWebSocket
  extends Pick<BarrierPort, "addEventListener" | "removeEventListener"> {
  /** The class of binary messages. The barrier sets it to `"arraybuffer"`. */
  binaryType: string;
  /** The state: 0 until it is open, 1 while it is, and 2 or 3 after `close()`. */
  readonly readyState: number;
  /**
   * Sends a message.
   *
   * @param data The message.
   */
  send(data: Uint8Array<ArrayBuffer>): void;
  /** Closes the connection, after everything that was sent. */
  close(): void;
}

/** Any of these. */
export type BarrierTransport =
  | BarrierStreams
  | BarrierPort
  | BarrierEmitter
  | BarrierWebSocket;
