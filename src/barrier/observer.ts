// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { BarrierAbortedError } from "./error.ts";

/** Something that happens to one side of a barrier. */
export type BarrierEvent =
  /** The barrier was created. */
  | { kind: "opened" }
  /** This side places a barrier; `number` counts all that it placed. */
  | { kind: "placed"; number: number; note: string | undefined }
  /** A barrier of the peer has arrived; `number` counts all of them. */
  | { kind: "arrived"; number: number; note: string | undefined }
  /** A wait consumes a barrier, by the number with which it arrived. */
  | { kind: "consumed"; number: number; note: string | undefined }
  /** An abort or a hang-up discards a barrier that was not consumed. */
  | { kind: "dropped"; number: number; note: string | undefined }
  /** A wait begins; `number` counts the waits. */
  | { kind: "waitBegan"; number: number; method: string }
  /** A wait has ended; `result` is whether its condition was met. */
  | { kind: "waitEnded"; number: number; result: boolean }
  /** A wait was canceled by its signal. */
  | { kind: "waitCanceled"; number: number; reason: unknown }
  /** This side aborts. */
  | { kind: "aborted"; reason: string | undefined }
  /** The peer's abort has arrived. */
  | { kind: "peerAborted"; reason: string | undefined }
  /** The peer's stream has ended, but the peer may still be running. */
  | { kind: "peerClosed"; error: BarrierAbortedError }
  /** The peer has hung up. */
  | { kind: "peerHungUp"; error: BarrierAbortedError }
  /** This side destroys the barrier. */
  | { kind: "destroyed" };

/**
 * Called with everything that happens to one side of a barrier: with what this
 * side does before the peer can learn of it, and with what it learns of the peer
 * before it acts on that. It must not throw, and must not call the barrier.
 */
export type BarrierObserver = (event: BarrierEvent) => void;
