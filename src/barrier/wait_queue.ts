// Copyright 2026 the @ipc/barrier authors. MIT license.

/** One that waits in a {@linkcode WaitQueue}. */
export interface Waiter<T> {
  /** Lets it go. The queue calls this, once it has left. */
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
  /** Its neighbours; only the queue changes them. */
  previous: Waiter<T> | undefined;
  next: Waiter<T> | undefined;
  /** Takes its listener off the signal that can cancel it. */
  unlisten: (() => void) | undefined;
  /** Whether it still waits. */
  waiting: boolean;
}

/**
 * Those who wait for one thing, first come, first served, each cancelled by a
 * signal of its own. It is a doubly linked list, so that a cancelled waiter
 * leaves from the middle, and thousands leave from the front, without a search.
 */
export class WaitQueue<T> {
  #first: Waiter<T> | undefined;
  #last: Waiter<T> | undefined;
  #size = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** The one that has waited longest. */
  get first(): Waiter<T> | undefined {
    return this.#first;
  }

  /** The one that came last. */
  get last(): Waiter<T> | undefined {
    return this.#last;
  }

  /**
   * Adds a waiter.
   *
   * @param signal Cancels the wait; not aborted yet.
   * @param onCancel Called when that happens, while the waiter is still there.
   * It may let the waiter go, which is then not cancelled.
   * @returns What the waiter was let go with.
   */
  wait(
    signal?: AbortSignal,
    onCancel?: (waiter: Waiter<T>) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = {
        resolve,
        reject,
        previous: this.#last,
        next: undefined,
        unlisten: undefined,
        waiting: true,
      };
      if (signal !== undefined) this.#listen(waiter, signal, onCancel);
      if (this.#last) this.#last.next = waiter;
      else this.#first = waiter;
      this.#last = waiter;
      this.#size++;
    });
  }

  #listen(
    waiter: Waiter<T>,
    signal: AbortSignal,
    onCancel?: (waiter: Waiter<T>) => void,
  ): void {
    const cancel = () => {
      onCancel?.(waiter);
      if (!waiter.waiting) return;
      waiter.unlisten = undefined; // as the signal has done that
      this.remove(waiter);
      waiter.reject(signal.reason);
    };
    waiter.unlisten = () => signal.removeEventListener("abort", cancel);
    signal.addEventListener("abort", cancel, { once: true });
  }

  /** Lets the one go that has waited longest, if there is one. */
  release(value: T): void {
    const waiter = this.#first;
    if (waiter === undefined) return;
    this.remove(waiter);
    waiter.resolve(value);
  }

  /** Lets all go. */
  releaseAll(value: T): void {
    while (this.#first) this.release(value);
  }

  /** Takes a waiter out of the queue, neither resolved nor rejected. */
  remove(waiter: Waiter<T>): void {
    const { previous, next } = waiter;
    if (previous) previous.next = next;
    else this.#first = next;
    if (next) next.previous = previous;
    else this.#last = previous;
    this.#size--;
    waiter.waiting = false;
    waiter.unlisten?.();
  }
}
