// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The timers and the clock of the runtime, and what is made of them. Everything
 * else in this library uses these and not the global ones.
 *
 * They are looked up once, when this module is loaded. Tests replace the global
 * timers (`FakeTime` of `@std/testing`), and a child must be stopped in time even
 * then.
 */

export const setTimeout: typeof globalThis.setTimeout = globalThis.setTimeout;
export const clearTimeout: typeof globalThis.clearTimeout =
  globalThis.clearTimeout;
export const setImmediate: typeof globalThis.setImmediate =
  globalThis.setImmediate;

const { clearInterval, setInterval } = globalThis;

/** The longest delay, in milliseconds, that a timer accepts. */
export const DELAY_MAX: number = 2 ** 31 - 1;

/** Returns the milliseconds since this process started. */
export const now: () => number = performance.now.bind(performance);

// Deno 2.8 has it, older runtimes may not.
const instant = globalThis.Temporal?.Now.instant;

/**
 * Returns the system's time, in milliseconds since 1970 and their fractions. All
 * processes agree on it, also after somebody has set the clock.
 */
export function wallClock(): number {
  if (instant) return Number(instant().epochNanoseconds) / 1e6;
  return performance.timeOrigin + now();
}

/** How long, in milliseconds, what has arrived is read in a turn of the loop. */
const TURN_MAX = 10;

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
    turn = { deadline: now() + TURN_MAX, work: 0 };
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

/**
 * Waits until a promise that does not reject has resolved, but at most for the
 * given time.
 *
 * @param ms How long to wait, in milliseconds.
 * @param options Whether the timer keeps the event loop alive; by default it
 * does not.
 */
export async function within(
  ms: number,
  promise: Promise<unknown>,
  { persistent = false }: { persistent?: boolean } = {},
): Promise<void> {
  let timer!: ReturnType<typeof setTimeout>;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  if (!persistent) Deno.unrefTimer(timer);
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}

/**
 * Keeps the event loop alive while it is held, which an unresolved promise does
 * not.
 *
 * `hold()` looks at the state twice: the first timer of a program loads a module
 * of Deno's, and microtasks run while it does (2.9). One of them may call `hold()`
 * before the timer is returned.
 *
 * Remove the second look when creating a timer runs no microtasks.
 */
export class EventLoopReference {
  #held = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Starts or stops keeping the event loop alive. */
  hold(held: boolean): void {
    this.#held = held;
    if (this.#held && this.#timer === undefined) {
      const timer = setInterval(() => {}, DELAY_MAX);
      clearInterval(this.#timer);
      this.#timer = timer;
    }
    if (this.#held || this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
