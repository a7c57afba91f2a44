// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * What `BARRIER_TRACE=1` prints to stderr: one line for each thing that a side
 * of a barrier does, and for each that it learns of its peer.
 *
 *     1764064609123.456 barrier 4711 parent of 4712 (worker): place 1: go on
 *
 * What a side does is one of
 *
 *     open                      it was made
 *     place N: NOTE             N counts all that it placed
 *     wait N begins: METHOD
 *     wait N ends: RESULT       `true` or `false`
 *     wait N is canceled: REASON
 *     take N: NOTE              N counts all that arrived; so it is the peer's N
 *     drop N: NOTE              an abort or a hang-up discarded it
 *     abort: REASON
 *     hang up                   it was destroyed
 *
 * and what it learns of its peer one of
 *
 *     peer aborts: REASON
 *     peer closes its channel: HOW
 *     peer hangs up: HOW
 *
 * each without the colon and what follows if there is no text.
 *
 * The time is in milliseconds and comes first, so that `sort` merges the lines of
 * both processes. What a side does is printed before the peer can learn
 * of it, and what it learns of the peer before it acts on that. Where the clock
 * was set in between, the lines after that sort among themselves.
 */

import type { BarrierEvent, BarrierObserver } from "./barrier/observer.ts";
import { cut, describe, encode } from "./barrier/lines.ts";
import { processId, writeError } from "./runtime/host.ts";
import { wallClock } from "./runtime/timers.ts";

/** How many characters of a note or a reason are shown. */
const TEXT_MAX = 100;

/**
 * Makes an observer that prints what happens.
 *
 * @param who Which side it observes, as the lines call it.
 */
export function traceOf(who: string): BarrierObserver {
  return (event) => print(who, event, wallClock());
}

/**
 * Prints an event.
 *
 * @param who Which side it happened to, as the lines call it.
 * @param time When it happened, as `wallClock()` has it.
 */
export function print(who: string, event: BarrierEvent, time: number): void {
  const [what, text] = line(event);
  if (what === undefined) return;
  const more = text ? `: ${cut(text, TEXT_MAX)}` : "";
  try {
    writeError(
      encode(
        `${stamp(time)} barrier ${processId()} ${who}: ${what}${more}\n`,
      ),
    );
  } catch {
    // Stderr is closed or full.
  }
}

/** What is printed of an event, and the text that follows the colon. */
function line(event: BarrierEvent): [what?: string, text?: string | undefined] {
  switch (event.kind) {
    case "opened":
      return ["open"];
    case "placed":
      return [`place ${event.number}`, event.note];
    case "consumed":
      return [`take ${event.number}`, event.note];
    case "dropped":
      return [`drop ${event.number}`, event.note];
    case "waitBegan":
      return [`wait ${event.number} begins`, event.method];
    case "waitEnded":
      return [`wait ${event.number} ends`, String(event.result)];
    case "waitCanceled":
      return [`wait ${event.number} is canceled`, describe(event.reason)];
    case "aborted":
      return ["abort", event.reason];
    case "destroyed":
      return ["hang up"];
    case "peerAborted":
      return ["peer aborts", event.reason];
    case "peerClosed":
      return ["peer closes its channel", event.error.message];
    case "peerHungUp":
      return ["peer hangs up", event.error.message];
    case "arrived":
      return [];
  }
}

/** The time of the last line. */
let last = 0;

/**
 * Returns the time of a line. No two lines of this process have the same, unless
 * the clock was set back.
 */
function stamp(time: number): string {
  const wasSetBack = last - time > 1;
  last = wasSetBack ? time : Math.max(time, last + 0.001);
  return last.toFixed(3);
}
