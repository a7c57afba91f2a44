// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Completions let one task tell others that a job is done. They are the Linux
 * kernel's (`completion.c`, and chapter 5 of "Linux Device Drivers").
 *
 * A completion is a counter of what was completed and not yet taken, with a
 * queue in front of it. {@linkcode Completion.complete} lets exactly one waiter
 * go, the one that has waited longest or, if none waits, the next to come.
 * {@linkcode Completion.completeAll} lets all go, now and later.
 *
 * ```ts
 * import { Completion } from "@ipc/barrier/completion";
 * import { assertEquals } from "@std/assert";
 *
 * const loaded = new Completion();
 * const lines: string[] = [];
 *
 * queueMicrotask(() => {
 *   lines.push("first");
 *   loaded.complete();
 * });
 *
 * await loaded.wait();
 * assertEquals(lines, ["first"]);
 * ```
 *
 * @module
 */

const RESOLVED: Promise<void> = Promise.resolve();

/** Options for {@linkcode Completion.wait}. */
export interface CompletionWaitOptions {
  /**
   * Cancels the wait: it rejects with the signal's reason, takes no completion
   * and loses none. `AbortSignal.timeout(ms)` makes a timeout, in milliseconds.
   */
  signal?: AbortSignal;
}

/** A place in the queue of waiters. */
interface Waiter {
  resolve: () => void;
  previous: Waiter | undefined;
  next: Waiter | undefined;
}

/**
 * Lets one task of an event loop tell others that a job is done.
 *
 * Mirrors `struct completion` of the Linux kernel.
 *
 * @example Usage
 * ```ts
 * import { Completion } from "@ipc/barrier/completion";
 *
 * const done = new Completion(); // DECLARE_COMPLETION
 * queueMicrotask(() => done.complete());
 * await done.wait(); // wait_for_completion
 * ```
 */
export class Completion {
  /** What was completed and not yet taken; infinite after `completeAll`. */
  #count = 0;
  #head: Waiter | undefined;
  #tail: Waiter | undefined;

  /**
   * Whether a completion waits to be taken.
   *
   * Mirrors `completion_done`.
   *
   * @returns `true` if the next {@linkcode Completion.wait} need not wait.
   *
   * @example Usage
   * ```ts
   * import { Completion } from "@ipc/barrier/completion";
   * import { assert, assertFalse } from "@std/assert";
   *
   * const completion = new Completion();
   * assertFalse(completion.done);
   * completion.complete();
   * assert(completion.done);
   * ```
   */
  get done(): boolean {
    return this.#count > 0;
  }

  /**
   * Waits until there is a completion, and takes it. First come, first served.
   *
   * Mirrors `wait_for_completion`; with a signal, the `_interruptible`,
   * `_killable` and `_timeout` variants.
   *
   * @param options A signal to cancel the wait.
   * @returns A promise that resolves when a completion was taken.
   *
   * @example Usage
   * ```ts
   * import { Completion } from "@ipc/barrier/completion";
   * import { assertFalse } from "@std/assert";
   *
   * const completion = new Completion();
   * completion.complete();
   * await completion.wait();
   * assertFalse(completion.done);
   * ```
   *
   * @example With a timeout
   * ```ts
   * import { Completion } from "@ipc/barrier/completion";
   * import { assertRejects } from "@std/assert";
   *
   * const completion = new Completion();
   * await assertRejects(
   *   () => completion.wait({ signal: AbortSignal.timeout(1) }),
   *   DOMException,
   * );
   * ```
   */
  wait(options?: CompletionWaitOptions): Promise<void> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.tryWait()) return RESOLVED;
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve,
        previous: this.#tail,
        next: undefined,
      };
      if (this.#tail) this.#tail.next = waiter;
      else this.#head = waiter;
      this.#tail = waiter;

      if (signal === undefined) return;
      const cancel = () => {
        this.#remove(waiter);
        reject(signal.reason);
      };
      waiter.resolve = () => {
        signal.removeEventListener("abort", cancel);
        resolve();
      };
      signal.addEventListener("abort", cancel, { once: true });
    });
  }

  /**
   * Takes a completion if there is one.
   *
   * Mirrors `try_wait_for_completion`.
   *
   * @returns `true` if a completion was taken, `false` if there was none.
   *
   * @example Usage
   * ```ts
   * import { Completion } from "@ipc/barrier/completion";
   * import { assert, assertFalse } from "@std/assert";
   *
   * const completion = new Completion();
   * completion.complete();
   * assert(completion.tryWait());
   * assertFalse(completion.tryWait());
   * ```
   */
  tryWait(): boolean {
    if (this.#count === 0) return false;
    this.#count--;
    return true;
  }

  /**
   * Lets exactly one waiter go: the one that has waited longest or, if none
   * waits, the next to come.
   *
   * Mirrors `complete`.
   *
   * @example Usage
   * ```ts
   * import { Completion } from "@ipc/barrier/completion";
   *
   * const completion = new Completion();
   * const waiting = completion.wait();
   * completion.complete();
   * await waiting;
   * ```
   */
  complete(): void {
    const waiter = this.#head;
    if (waiter === undefined) {
      this.#count++;
      return;
    }
    this.#remove(waiter);
    waiter.resolve();
  }

  /**
   * Lets all waiters go, now and later, until {@linkcode Completion.reinit}.
   *
   * Mirrors `complete_all`.
   *
   * @example Usage
   * ```ts
   * import { Completion } from "@ipc/barrier/completion";
   *
   * const completion = new Completion();
   * const waiting = [completion.wait(), completion.wait()];
   * completion.completeAll();
   * await Promise.all(waiting);
   * await completion.wait();
   * ```
   */
  completeAll(): void {
    this.#count = Infinity;
    while (this.#head) this.complete();
  }

  /**
   * Makes the completion not done, as it was when it was new. Those who wait go
   * on waiting.
   *
   * Mirrors `reinit_completion` (once `INIT_COMPLETION`).
   *
   * @example Usage
   * ```ts
   * import { Completion } from "@ipc/barrier/completion";
   * import { assertFalse } from "@std/assert";
   *
   * const completion = new Completion();
   * completion.completeAll();
   * completion.reinit();
   * assertFalse(completion.done);
   * ```
   */
  reinit(): void {
    this.#count = 0;
  }

  #remove(waiter: Waiter): void {
    const { previous, next } = waiter;
    if (previous) previous.next = next;
    else this.#head = next;
    if (next) next.previous = previous;
    else this.#tail = previous;
  }
}

/**
 * Completes, and ends the program. Nothing can come between the two, so whoever
 * waits for the completion knows that no more code runs here.
 *
 * Mirrors `complete_and_exit`.
 *
 * @param completion The completion to complete.
 * @param code The exit code, `0` by default.
 * @returns Never.
 *
 * @example Usage
 * ```ts ignore
 * import { Completion, completeAndExit } from "@ipc/barrier/completion";
 *
 * completeAndExit(new Completion(), 3);
 * ```
 */
export function completeAndExit(completion: Completion, code = 0): never {
  completion.complete();
  Deno.exit(code);
}
