// Copyright 2026 the @ipc/barrier authors. MIT license.

import { now, setImmediate } from "../runtime/timers.ts";

/** How long, in milliseconds, children's output is read in a turn of the loop. */
const TIME_MAX = 10;

/** How many barriers are delivered in a turn. Each may wake up a wait. */
const BARRIERS_MAX = 4_096;

let turn: { deadline: number; barriers: number } | undefined;

/**
 * Returns whether enough was read in this turn of the event loop, however much
 * children have printed, and whatever they print. All of them share a turn.
 *
 * @param barriers How many barriers were delivered since the last call.
 */
export function isTurnOver(barriers: number): boolean {
  if (turn === undefined) {
    turn = { deadline: now() + TIME_MAX, barriers: 0 };
    setImmediate(() => turn = undefined).unref();
  }
  turn.barriers += barriers;
  return turn.barriers >= BARRIERS_MAX || now() >= turn.deadline;
}
