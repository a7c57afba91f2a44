// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * It stands alone, and not among the other detours around Deno's faults, because
 * a completion needs it, and that is to load nothing large.
 */

/** The longest delay, in milliseconds, that a timer takes. */
export const DELAY_MAX: number = 2 ** 31 - 1;

/**
 * A reason of its own for the event loop to stay alive.
 *
 * The first timer of a program loads a module of Deno's, and that runs microtasks
 * before the timer is returned (2.9). One of them may take the reason back, or
 * give it again, so what is wanted is looked at once more behind that.
 *
 * Remove that look when making a timer runs nothing.
 */
export class EventLoopReference {
  #held = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Keeps the event loop alive, or no longer. */
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
