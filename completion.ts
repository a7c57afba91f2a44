// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Completions let one task report to others that a job is done.
 *
 * A completion is a counter with a queue of waiters.
 * {@linkcode Completion.prototype.complete} releases exactly one waiter: the one
 * that has waited longest or, if there is none, the next caller of
 * {@linkcode Completion.prototype.wait}.
 * {@linkcode Completion.prototype.completeAll} releases all current and future
 * waiters.
 *
 * Use {@linkcode Completion} between tasks of one event loop, and
 * {@linkcode SharedCompletion} between threads (workers).
 *
 * Completions are modeled on the Linux kernel's: see `completion.c`, and chapter
 * 5 of "Linux Device Drivers".
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

import { EventLoopReference, now } from "./src/runtime/timers.ts";
import { type Waiter, WaitQueue } from "./src/barrier/wait_queue.ts";

/**
 * The value of a shared counter after `completeAll`. It does not change until
 * `reinit`, like the kernel's `UINT_MAX`.
 */
const ALL = 2 ** 31 - 1;

/**
 * Options for {@linkcode Completion.prototype.wait} and
 * {@linkcode SharedCompletion.prototype.wait}.
 */
export interface CompletionWaitOptions {
  /**
   * Cancels the wait: the promise rejects with the signal's reason, and no
   * completion is consumed or lost. For a timeout, pass
   * `AbortSignal.timeout(ms)`.
   */
  signal?: AbortSignal | undefined;
}

/**
 * A completion for the tasks of one event loop.
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
  /** The completions not yet consumed; infinite after `completeAll`. */
  #count = 0;
  readonly #waiters = new WaitQueue<void>();

  /**
   * Whether there is a completion to consume.
   *
   * Mirrors `completion_done`.
   *
   * @returns `true` if the next {@linkcode Completion.prototype.wait} resolves
   * immediately.
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
   * Waits until there is a completion, and consumes it. Waiters are released in
   * the order of their calls.
   *
   * Mirrors `wait_for_completion`; with a signal, the `_interruptible`,
   * `_killable` and `_timeout` variants.
   *
   * @param options A signal to cancel the wait.
   * @returns A promise that resolves once a completion was consumed.
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
    if (this.tryWait()) return Promise.resolve();
    return this.#waiters.wait(signal);
  }

  /**
   * Consumes a completion if there is one.
   *
   * Mirrors `try_wait_for_completion`.
   *
   * @returns `true` if a completion was consumed, `false` if there was none.
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
   * Releases exactly one waiter: the one that has waited longest or, if there
   * is none, the next caller of {@linkcode Completion.prototype.wait}.
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
    if (this.#waiters.size > 0) this.#waiters.release();
    else this.#count++;
  }

  /**
   * Releases all current waiters, and all future ones until
   * {@linkcode Completion.prototype.reinit}.
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
    this.#waiters.releaseAll();
  }

  /**
   * Resets the completion. Pending waits keep waiting.
   *
   * Mirrors `reinit_completion` (formerly `INIT_COMPLETION`).
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
}

/** How many microtasks a task may take between a wait and its next one. */
const MICROTASKS = 8;

const PAST = Promise.resolve();

/** Options for {@linkcode SharedCompletion.prototype.waitSync}. */
export interface CompletionWaitSyncOptions {
  /**
   * The maximum time to wait, in milliseconds.
   *
   * @default {Infinity}
   */
  timeout?: number | undefined;
}

/**
 * A completion for several threads: its state is a `SharedArrayBuffer` that can be
 * posted to workers.
 *
 * Waits of one thread are released in the order of their calls. Across threads,
 * any waiting thread can consume a completion first.
 *
 * A waiting worker can be terminated: no completion is lost, except one that the
 * worker has already consumed.
 *
 * Mirrors `struct completion` of the Linux kernel.
 *
 * @example Usage
 * ```ts ignore
 * // main.ts
 * import { SharedCompletion } from "@ipc/barrier/completion";
 *
 * const done = new SharedCompletion();
 * const worker = new Worker(import.meta.resolve("./worker.ts"), {
 *   type: "module",
 * });
 * worker.postMessage(done.buffer);
 * await done.wait();
 * ```
 *
 * ```ts ignore
 * // worker.ts
 * import { SharedCompletion } from "@ipc/barrier/completion";
 *
 * self.onmessage = ({ data }) => {
 *   const done = SharedCompletion.from(data);
 *   // the job
 *   done.complete();
 * };
 * ```
 */
export class SharedCompletion {
  /**
   * The number of completions not yet consumed, which is all that threads share.
   * A thread that finds it 0 sleeps on it, as on a futex.
   */
  #counter: Int32Array<SharedArrayBuffer> = new Int32Array(newBuffer());
  /** The waiters of this thread. */
  readonly #waiters = new WaitQueue<void>();
  /** Whether this thread has an entry in the engine's queue. */
  #isAsleep = false;
  /** Keeps the event loop alive during a sleep, which the engine does not. */
  readonly #sleeping = new EventLoopReference();
  /** How many microtasks are left until the event loop can end. */
  #microtasks = 0;

  /**
   * Creates a `SharedCompletion` from the buffer of one in another thread.
   *
   * @param buffer The {@linkcode SharedCompletion.prototype.buffer} of the
   * completion in the other thread. A new buffer of 4 bytes or more is a
   * completion that is not done.
   * @returns The completion, which shares its state with the other thread's.
   * @throws {TypeError} If `buffer` is not a `SharedArrayBuffer`.
   * @throws {RangeError} If `buffer` is too small or does not contain a counter.
   *
   * @example Usage
   * ```ts
   * import { SharedCompletion } from "@ipc/barrier/completion";
   * import { assert } from "@std/assert";
   *
   * const completion = new SharedCompletion();
   * const same = SharedCompletion.from(completion.buffer);
   * same.complete();
   * assert(completion.done);
   * ```
   */
  static from(buffer: SharedArrayBuffer): SharedCompletion {
    const completion = new SharedCompletion();
    if (!(buffer instanceof SharedArrayBuffer)) {
      throw new TypeError(
        `Cannot share a completion: the buffer must be a SharedArrayBuffer, received ${
          Object.prototype.toString.call(buffer).slice(8, -1)
        }`,
      );
    }
    if (buffer.byteLength < Int32Array.BYTES_PER_ELEMENT) {
      throw new RangeError(
        `Cannot share a completion: the buffer must have at least ${Int32Array.BYTES_PER_ELEMENT} bytes, received ${buffer.byteLength}`,
      );
    }
    completion.#counter = new Int32Array(buffer, 0, 1);
    completion.#load();
    return completion;
  }

  /**
   * The shared state. Post it to a worker, and pass it to
   * {@linkcode SharedCompletion.from} there. It can be posted any number of
   * times.
   *
   * @returns The buffer, of 4 bytes or more.
   *
   * @example Usage
   * ```ts ignore
   * import { SharedCompletion } from "@ipc/barrier/completion";
   *
   * const completion = new SharedCompletion();
   * const worker = new Worker(import.meta.resolve("./worker.ts"), {
   *   type: "module",
   * });
   * worker.postMessage(completion.buffer);
   * ```
   */
  get buffer(): SharedArrayBuffer {
    return this.#counter.buffer;
  }

  /**
   * Whether there is a completion to consume.
   *
   * Mirrors `completion_done`.
   *
   * @returns `true` if the next {@linkcode SharedCompletion.prototype.wait}
   * resolves immediately, unless another thread consumes the completion first.
   *
   * @example Usage
   * ```ts
   * import { SharedCompletion } from "@ipc/barrier/completion";
   * import { assert, assertFalse } from "@std/assert";
   *
   * const completion = new SharedCompletion();
   * assertFalse(completion.done);
   * completion.complete();
   * assert(completion.done);
   * ```
   */
  get done(): boolean {
    this.#serve();
    return this.#waiters.size === 0 && this.#load() > 0;
  }

  /**
   * Waits until there is a completion, and consumes it. A pending wait keeps the
   * event loop alive.
   *
   * Mirrors `wait_for_completion`; with a signal, the `_interruptible`,
   * `_killable` and `_timeout` variants.
   *
   * @param options A signal to cancel the wait.
   * @returns A promise that resolves once a completion was consumed. It rejects
   * with a `RangeError` if the buffer no longer contains a counter.
   *
   * @example Usage
   * ```ts
   * import { SharedCompletion } from "@ipc/barrier/completion";
   * import { assertFalse } from "@std/assert";
   *
   * const completion = new SharedCompletion();
   * const waiting = completion.wait();
   * completion.complete(); // or any other thread does
   * await waiting;
   * assertFalse(completion.done);
   * ```
   *
   * @example With a timeout
   * ```ts
   * import { SharedCompletion } from "@ipc/barrier/completion";
   * import { assertRejects } from "@std/assert";
   *
   * const completion = new SharedCompletion();
   * await assertRejects(
   *   () => completion.wait({ signal: AbortSignal.timeout(1) }),
   *   DOMException,
   * );
   * ```
   */
  wait(options?: CompletionWaitOptions): Promise<void> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    try {
      if (this.tryWait()) return Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
    const waiting = this.#waiters.wait(signal, this.#onCancel);
    if (this.#waiters.size > 0) this.#sleeping.hold(true);
    this.#sleep();
    return waiting;
  }

  /**
   * Waits until there is a completion, and consumes it. This blocks the thread,
   * including its event loop. Use it only in workers.
   *
   * Mirrors `wait_for_completion` and `wait_for_completion_timeout`.
   *
   * @param options The maximum time to wait.
   * @returns `true` if a completion was consumed, `false` if the timeout elapsed
   * first.
   * @throws {TypeError} If `options.timeout` is not a number, or this thread is
   * not allowed to block.
   * @throws {RangeError} If `options.timeout` is negative or `NaN`, or the buffer
   * no longer contains a counter.
   *
   * @example Usage
   * ```ts
   * import { SharedCompletion } from "@ipc/barrier/completion";
   * import { assert, assertFalse } from "@std/assert";
   *
   * const completion = new SharedCompletion();
   * completion.complete();
   * assert(completion.waitSync());
   * assertFalse(completion.waitSync({ timeout: 1 }));
   * ```
   */
  waitSync(options?: CompletionWaitSyncOptions): boolean {
    const timeout = options?.timeout ?? Infinity;
    if (typeof timeout !== "number") {
      throw new TypeError(
        `Cannot wait: 'timeout' must be a number of milliseconds, received a value of type ${typeof timeout}`,
      );
    }
    if (!(timeout >= 0)) {
      throw new RangeError(
        `Cannot wait: 'timeout' must be at least 0 milliseconds, received ${timeout}`,
      );
    }
    if (timeout === Infinity) { // reading the clock costs time
      while (!this.tryWait()) this.#block(timeout);
      return true;
    }
    const deadline = now() + timeout;
    while (!this.tryWait()) {
      if (!this.#block(deadline - now())) return this.tryWait();
    }
    return true;
  }

  /**
   * Consumes a completion if there is one.
   *
   * Mirrors `try_wait_for_completion`.
   *
   * @returns `true` if a completion was consumed, `false` if there was none.
   *
   * @example Usage
   * ```ts
   * import { SharedCompletion } from "@ipc/barrier/completion";
   * import { assert, assertFalse } from "@std/assert";
   *
   * const completion = new SharedCompletion();
   * completion.complete();
   * assert(completion.tryWait());
   * assertFalse(completion.tryWait());
   * ```
   */
  tryWait(): boolean {
    this.#serve();
    return this.#waiters.size === 0 && this.#take();
  }

  /**
   * Releases exactly one waiter or, if there is none, the next caller of
   * {@linkcode SharedCompletion.prototype.wait}.
   *
   * Mirrors `complete`. Like the kernel's counter, this one does not wrap. At
   * 2,147,483,647 it stops changing, as after
   * {@linkcode SharedCompletion.prototype.completeAll}.
   *
   * @example Usage
   * ```ts
   * import { SharedCompletion } from "@ipc/barrier/completion";
   *
   * const completion = new SharedCompletion();
   * const waiting = completion.wait();
   * completion.complete();
   * await waiting;
   * ```
   */
  complete(): void {
    let count = this.#load();
    while (count < ALL && !this.#replace(count, count + 1)) {
      count = this.#load();
    }
    // All threads, because a terminated one can still be in the engine's queue,
    // and would be the only one that is woken.
    Atomics.notify(this.#counter, 0);
  }

  /**
   * Releases all current waiters, and all future ones until
   * {@linkcode SharedCompletion.prototype.reinit}.
   *
   * Mirrors `complete_all`.
   *
   * @example Usage
   * ```ts
   * import { SharedCompletion } from "@ipc/barrier/completion";
   *
   * const completion = new SharedCompletion();
   * const waiting = [completion.wait(), completion.wait()];
   * completion.completeAll();
   * await Promise.all(waiting);
   * await completion.wait();
   * ```
   */
  completeAll(): void {
    Atomics.store(this.#counter, 0, ALL);
    Atomics.notify(this.#counter, 0);
  }

  /**
   * Resets the completion. Pending waits keep waiting.
   *
   * Mirrors `reinit_completion` (formerly `INIT_COMPLETION`). As in the kernel,
   * make sure that every waiter released by
   * {@linkcode SharedCompletion.prototype.completeAll} has returned before you
   * call this: a waiter in another thread that has not yet woken up keeps waiting.
   *
   * @example Usage
   * ```ts
   * import { SharedCompletion } from "@ipc/barrier/completion";
   * import { assertFalse } from "@std/assert";
   *
   * const completion = new SharedCompletion();
   * completion.completeAll();
   * completion.reinit();
   * assertFalse(completion.done);
   * ```
   */
  reinit(): void {
    this.#serve();
    Atomics.store(this.#counter, 0, 0);
  }

  #load(): number {
    const count = Atomics.load(this.#counter, 0);
    if (count < 0) {
      throw new RangeError(
        `Cannot share a completion: the buffer must contain a counter, received ${count}; pass the buffer of a SharedCompletion`,
      );
    }
    return count;
  }

  #replace(count: number, by: number): boolean {
    return Atomics.compareExchange(this.#counter, 0, count, by) === count;
  }

  #take(): boolean {
    for (;;) {
      const count = this.#load();
      if (count === 0) return false;
      if (count === ALL || this.#replace(count, count - 1)) return true;
    }
  }

  /** Releases as many of this thread's waiters as there are completions. */
  #serve(): void {
    if (this.#waiters.size === 0) return;
    while (this.#waiters.size > 0 && this.#take()) this.#waiters.release();
    if (this.#waiters.size === 0) this.#onEmpty();
  }

  /** Sleeps as long as one of this thread's waiters waits, and serves them. */
  #sleep(): void {
    while (!this.#isAsleep && this.#waiters.size > 0) {
      const sleep = Atomics.waitAsync(this.#counter, 0, 0);
      if (sleep.async) {
        this.#isAsleep = true;
        sleep.value.then(this.#onWake);
      } else { // there is a completion now
        this.#serveOrReject();
      }
    }
  }

  readonly #onWake = (): void => {
    this.#isAsleep = false;
    this.#serveOrReject();
    this.#sleep();
  };

  #serveOrReject(): void {
    try {
      this.#serve();
    } catch (error) {
      this.#waiters.rejectAll(error);
      this.#onEmpty();
    }
  }

  readonly #onCancel = (waiter: Waiter<void>): void => {
    try {
      this.#serve(); // completions from before the cancellation count
    } catch {
      // The buffer holds no counter, so there is no completion.
    }
    if (waiter.waiting && this.#waiters.size === 1) this.#onEmpty();
  };

  /** The last waiter of this thread has left, or is about to. */
  #onEmpty(): void {
    this.#letGo();
    // The engine keeps this thread's entry, and with it this object, until it is
    // woken.
    if (this.#isAsleep) Atomics.notify(this.#counter, 0);
  }

  /**
   * Lets the event loop end if no wait begins soon. A task that waits in a loop
   * keeps the timer: to make one takes a third of the time of a round trip.
   */
  #letGo(): void {
    if (this.#microtasks > 0) return; // it does already
    this.#microtasks = MICROTASKS;
    PAST.then(this.#onMicrotask);
  }

  readonly #onMicrotask = (): void => {
    if (this.#waiters.size > 0) this.#microtasks = 0;
    else if (--this.#microtasks > 0) PAST.then(this.#onMicrotask);
    else this.#sleeping.hold(false);
  };

  /** Blocks the thread, and returns whether it was woken before the timeout. */
  #block(timeout: number): boolean {
    try {
      return Atomics.wait(this.#counter, 0, 0, timeout) !== "timed-out";
    } catch (cause) {
      throw new TypeError(
        "Cannot wait: this thread must not be blocked; use wait() instead of waitSync()",
        { cause },
      );
    }
  }
}

/** @throws {TypeError} If this realm has no shared memory. */
function newBuffer(): SharedArrayBuffer {
  if (typeof SharedArrayBuffer === "undefined") {
    throw new TypeError(
      "Cannot share a completion: this page is not cross-origin isolated; serve it with the headers 'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: require-corp'",
    );
  }
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

/**
 * Exits the program or, in a worker, ends that worker, and signals the completion.
 *
 * The completion is signaled after all `unload` listeners have run, so a waiter
 * can rely on no more code running in this program or worker. Do not call this
 * from an `unload` listener. If a listener throws or calls `Deno.exit()`, the
 * completion is never signaled.
 *
 * Mirrors `complete_and_exit`.
 *
 * @param completion The completion to signal.
 * @param code The exit code, `0` by default. Ignored in a worker.
 * @returns Never.
 * @throws {TypeError} If this is not Deno.
 *
 * @example Usage
 * ```ts ignore
 * import { completeAndExit, SharedCompletion } from "@ipc/barrier/completion";
 *
 * self.onmessage = ({ data }) => {
 *   completeAndExit(SharedCompletion.from(data));
 * };
 * ```
 */
export function completeAndExit(
  completion: SharedCompletion,
  code = 0,
): never {
  if (typeof Deno !== "object") {
    throw new TypeError(
      "Cannot exit with a completion: this program does not run in Deno; call complete() and process.exit()",
    );
  }
  addEventListener("unload", () => completion.complete());
  Deno.exit(code);
}
