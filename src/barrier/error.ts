// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Options for {@linkcode BarrierAbortedError}. */
export interface BarrierAbortedErrorOptions extends ErrorOptions {
  /** Which side ended the barrier. */
  side: "local" | "peer";
  /** How the child process at the other end exited, where that is known. */
  status?: Deno.CommandStatus | undefined;
}

/**
 * Why a {@linkcode Barrier} cannot go on: one side aborted or destroyed it, the
 * peer is gone, or the peer broke the protocol. It is the reason of
 * {@linkcode Barrier.prototype.signal}.
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
 * const { reason } = parent.signal;
 * assertInstanceOf(reason, BarrierAbortedError);
 * assertEquals(reason.side, "peer");
 * assertEquals(reason.message, "Barrier aborted by the peer: disk full");
 * ```
 */
export class BarrierAbortedError extends Error {
  /** Which side ended the barrier: this one, or the peer. */
  readonly side: "local" | "peer";
  /**
   * How the child process at the other end exited; `undefined` where the peer
   * is no child process, or did not exit.
   */
  readonly status: Deno.CommandStatus | undefined;

  /**
   * Constructs a new instance.
   *
   * @param message What happened.
   * @param options Which side ended the barrier, and how the peer exited.
   */
  constructor(message: string, options: BarrierAbortedErrorOptions) {
    super(message, options);
    this.name = "BarrierAbortedError";
    this.side = options.side;
    this.status = options.status;
  }
}
