// Copyright 2026 the @ipc/barrier authors. MIT license.

import { now, setImmediate, setTimeout } from "./timers.ts";

/** How long, in milliseconds, what has arrived is read in a turn of the loop. */
const TIME_MAX = 10;

let turn: { deadline: number; work: number } | undefined;

/**
 * Returns whether enough was read in this turn of the event loop, however much
 * has arrived, and whatever it is. Everything that reads shares the turn.
 *
 * @param work What was done since the last call, as a part of what a turn has
 * room for. It bounds what follows from it, such as waits that resolve.
 */
export function isTurnOver(work: number): boolean {
  if (turn === undefined) {
    turn = { deadline: now() + TIME_MAX, work: 0 };
    const reset = later(() => turn = undefined);
    if (typeof reset === "object") reset.unref();
  }
  turn.work += work;
  return turn.work >= 1 || now() >= turn.deadline;
}

/** Calls a function in the next turn of the event loop. */
export function inNextTurn(callback: () => void): void {
  later(callback);
}

// Browsers have no setImmediate().
function later(callback: () => void) {
  return setImmediate ? setImmediate(callback) : setTimeout(callback);
}
