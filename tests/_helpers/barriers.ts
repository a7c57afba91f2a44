// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assert, assertInstanceOf } from "@std/assert";
import { type Barrier, BarrierAbortedError } from "../../barrier.ts";
import { flushMicrotasks } from "./event_loop.ts";

/** The calls of a barrier that wait. */
export const WAITS = [
  "waitNext",
  "syncNext",
  "sync",
  "placeAndSync",
  "waitAbortion",
] as const;

/** Why a barrier cannot go on whose peer has gone without a word. */
export const HUNG_UP = "Peer hung up: it exited or destroyed its barrier";

/** What each wait has come to: its result, why it rejected, or "pending". */
export async function outcomes(
  ...waits: Promise<boolean>[]
): Promise<unknown[]> {
  const watched = waits.map(watch);
  await flushMicrotasks();
  return watched.map(({ outcome }) => outcome);
}

/** What a wait has come to, once microtasks have run. */
export function watch(wait: Promise<unknown>): { outcome: unknown } {
  const watched: { outcome: unknown } = { outcome: "pending" };
  wait.then(
    (result) => watched.outcome = result,
    (reason) => watched.outcome = reason,
  );
  return watched;
}

/** Takes what has arrived and counts it, where nothing was placed before. */
export async function takeAll(barrier: Barrier): Promise<number> {
  for (let count = 0;; count++) {
    barrier.place();
    const [synced] = await outcomes(barrier.sync());
    if (synced !== true) return count;
  }
}

/** The flags that are set. */
export function flags(barrier: Barrier): string[] {
  return (["iAborted", "theyAborted", "weAborted", "isAborted"] as const)
    .filter((flag) => barrier[flag]);
}

/** Why a barrier cannot go on. */
export function failure(barrier: Barrier): BarrierAbortedError {
  const { aborted, reason } = barrier.signal;
  assert(aborted);
  assertInstanceOf(reason, BarrierAbortedError);
  return reason;
}
