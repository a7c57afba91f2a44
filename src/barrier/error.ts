// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Options for {@linkcode BarrierAbortedError}. */
export interface BarrierAbortedErrorOptions extends ErrorOptions {
  /** What ended the barrier. */
  kind: BarrierAbortedError["kind"];
  /** Which side ended the barrier. */
  side: BarrierAbortedError["side"];
  /** The reason that the peer gave when it aborted. */
  reason?: string | undefined;
  /** How the child process on the other side exited. */
  status?: BarrierAbortedError["status"];
}

/**
 * An error that explains why a {@linkcode Barrier} can no longer be used. It is
 * the reason of {@linkcode Barrier.prototype.signal}.
 *
 * @example Usage
 * ```ts
 * import { Barrier, BarrierAbortedError } from "@ipc/barrier/barrier";
 * import { assertEquals, assertInstanceOf } from "@std/assert";
 *
 * const [parent, child] = Barrier.pair();
 * child.abort("disk full");
 * await parent.waitAbortion();
 *
 * const error = parent.signal.reason;
 * assertInstanceOf(error, BarrierAbortedError);
 * assertEquals(error.message, "Barrier aborted by the peer: disk full");
 * assertEquals(error.kind, "aborted");
 * assertEquals(error.side, "peer");
 * assertEquals(error.reason, "disk full");
 * ```
 */
export class BarrierAbortedError extends Error {
  /** The name of the class, as in every error. */
  // A class field, because assigning fails where `Error.prototype` is frozen.
  override name = "BarrierAbortedError";
  /**
   * What ended the barrier:
   *
   * - `"aborted"`: one side called {@linkcode Barrier.prototype.abort}.
   * - `"exited"`: the child process or the worker on the other side exited.
   * - `"closed"`: the peer hung up, and nothing more is known.
   * - `"destroyed"`: this side called {@linkcode Barrier.prototype.destroy}.
   * - `"violation"`: the peer sent something that isn't part of the protocol.
   */
  readonly kind: "aborted" | "exited" | "closed" | "destroyed" | "violation";
  /** Which side ended the barrier: this one, or the peer. */
  readonly side: "local" | "peer";
  /**
   * The reason that the peer gave when it aborted; `undefined` if the peer
   * gave none, or did not abort.
   */
  readonly reason: string | undefined;
  /**
   * How the child process on the other side exited; `undefined` if the peer is
   * not a child process, or has not exited.
   */
  // Structural, because projects for Node do not have Deno's types.
  readonly status:
    | {
      readonly success: boolean;
      readonly code: number;
      readonly signal: string | null;
    }
    | undefined;

  /**
   * Constructs a new instance.
   *
   * @param message What happened.
   * @param options What ended the barrier, which side did, and what is known of
   * the peer.
   */
  constructor(message: string, options: BarrierAbortedErrorOptions) {
    super(message, options);
    this.kind = options.kind;
    this.side = options.side;
    this.reason = options.reason;
    this.status = options.status;
  }
}

/** How a child process exited, where a type of Deno's is not needed. */
export type ExitStatus = NonNullable<BarrierAbortedError["status"]>;

/**
 * Makes an error's stack begin at the call of an asynchronous function. Where in
 * this library the error was made does not help its users.
 *
 * @param error The error that the function throws.
 * @param callee The function, which calls this after an `await`.
 */
export function showCaller<T extends Error>(
  error: T,
  callee: (...args: never[]) => unknown,
): T {
  const { captureStackTrace } = Error as {
    captureStackTrace?(error: Error, callee: unknown): void;
  };
  captureStackTrace?.(error, callee);
  return error;
}
