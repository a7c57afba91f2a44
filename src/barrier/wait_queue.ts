// Copyright 2026 the @ipc/barrier authors. MIT license.

/** How to wait in a {@linkcode WaitQueue}. */
export interface WaiterOptions<T> {
  /** Cancels the wait. It must not be aborted yet. */
  signal?: AbortSignal | undefined;
  /**
   * Called when the signal is aborted, while the waiter is still in the queue.
   * If it removes the waiter, the wait is not canceled.
   */
  onCancel?: ((waiter: Waiter<T>) => void) | undefined;
  /** What the waiter belongs to, for {@linkcode WaitQueue.prototype.rejectAll}. */
  owner?: object | undefined;
}

/** A waiter in a {@linkcode WaitQueue}. */
export interface Waiter<T> {
  /** Called by the queue, after the waiter was removed. */
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
  readonly owner: object | undefined;
  /** The neighbors in the queue, which only the queue changes. */
  previous: Waiter<T> | undefined;
  next: Waiter<T> | undefined;
  /** Removes the listener from the signal. */
  unlisten: (() => void) | undefined;
  /** Whether it is still in the queue. */
  waiting: boolean;
}

/**
 * A FIFO of waiters, each of which can be canceled by its own `AbortSignal`. It
 * is a doubly linked list, so that removing a waiter takes no search.
 */
export class WaitQueue<T> {
  #first: Waiter<T> | undefined;
  #last: Waiter<T> | undefined;
  #size = 0;

  /** The number of waiters. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds a waiter.
   *
   * @returns A promise that settles as the waiter does.
   */
  wait(
    signal?: AbortSignal,
    onCancel?: (waiter: Waiter<T>) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) =>
      this.add(resolve, reject, { signal, onCancel })
    );
  }

  /** Adds a waiter that settles by these two functions. */
  add(
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
    { signal, onCancel, owner }: WaiterOptions<T> = {},
  ): void {
    const waiter: Waiter<T> = {
      resolve,
      reject,
      owner,
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
  }

  #listen(
    waiter: Waiter<T>,
    signal: AbortSignal,
    onCancel?: (waiter: Waiter<T>) => void,
  ): void {
    const cancel = () => {
      onCancel?.(waiter);
      if (!waiter.waiting) return;
      waiter.unlisten = undefined; // `once` has removed the listener
      this.remove(waiter);
      waiter.reject(signal.reason);
    };
    waiter.unlisten = () => signal.removeEventListener("abort", cancel);
    signal.addEventListener("abort", cancel, { once: true });
  }

  /** Resolves the first waiter, if there is one. */
  release(value: T): void {
    const waiter = this.#first;
    if (waiter === undefined) return;
    this.remove(waiter);
    waiter.resolve(value);
  }

  /** Resolves all waiters. */
  releaseAll(value: T): void {
    while (this.#first) this.release(value);
  }

  /** Rejects all waiters, or all of one owner. */
  rejectAll(reason: unknown, owner?: object): void {
    for (let waiter = this.#first; waiter !== undefined;) {
      const { next } = waiter;
      if (owner === undefined || waiter.owner === owner) {
        this.remove(waiter);
        waiter.reject(reason);
      }
      waiter = next;
    }
  }

  /** Removes a waiter, which is then neither resolved nor rejected. */
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
