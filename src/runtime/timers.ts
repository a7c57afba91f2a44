// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The timers and the clock of the runtime, and what is made of them. Everything
 * else in this library uses these and not the global ones.
 *
 * They are those that were there when this module was loaded. Tests replace the
 * global timers (`FakeTime` of `@std/testing`), and a child must be stopped in
 * time even then.
 */

/**
 * Returns a function that looks up a global as it is now.
 *
 * Deno loads its timers when one is first looked up, which takes about 3 ms of a
 * program's start (2.8 and later). The getter that loads them is kept instead.
 *
 * Look the globals up directly when that costs nothing.
 */
function kept<Name extends keyof typeof globalThis>(
  name: Name,
): () => (typeof globalThis)[Name] {
  const property = Object.getOwnPropertyDescriptor(globalThis, name);
  return () => property?.get ? property.get.call(globalThis) : property?.value;
}

const global = {
  setTimeout: kept("setTimeout"),
  clearTimeout: kept("clearTimeout"),
  setInterval: kept("setInterval"),
  clearInterval: kept("clearInterval"),
  setImmediate: kept("setImmediate"),
};

/** What identifies a timer. */
export type Timer = ReturnType<typeof globalThis.setTimeout>;

/** Calls a function after a number of milliseconds. */
export function setTimeout(callback: () => unknown, ms?: number): Timer {
  return global.setTimeout()(callback, ms);
}

/** Cancels what {@linkcode setTimeout} has started. */
export function clearTimeout(timer: Timer | undefined): void {
  global.clearTimeout()(timer);
}

/** Calls a function after the event loop has polled. */
export function setImmediate(
  callback: () => unknown,
): ReturnType<typeof globalThis.setImmediate> {
  return global.setImmediate()(callback);
}

/** The longest delay, in milliseconds, that a timer accepts. */
export const DELAY_MAX: number = 2 ** 31 - 1;

/** Returns the milliseconds since this process started. */
export const now: () => number = performance.now.bind(performance);

/**
 * Returns the system's time, in milliseconds since 1970 and their fractions. All
 * processes agree on it, also after somebody has set the clock.
 */
export function wallClock(): number {
  // Deno 2.8 has it, older runtimes may not.
  const instant = globalThis.Temporal?.Now.instant();
  if (instant) return Number(instant.epochNanoseconds) / 1e6;
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

const isBrowser = !("setImmediate" in globalThis);

function later(callback: () => void) {
  return isBrowser ? setTimeout(callback) : setImmediate(callback);
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
  let timer!: Timer;
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
  #timer: ReturnType<typeof globalThis.setInterval> | undefined;

  /** Starts or stops keeping the event loop alive. */
  hold(held: boolean): void {
    this.#held = held;
    if (this.#held && this.#timer === undefined) {
      const timer = global.setInterval()(() => {}, DELAY_MAX);
      clear(this.#timer);
      this.#timer = timer;
    }
    if (this.#held || this.#timer === undefined) return;
    clear(this.#timer);
    this.#timer = undefined;
  }
}

function clear(
  timer: ReturnType<typeof globalThis.setInterval> | undefined,
): void {
  global.clearInterval()(timer);
}
