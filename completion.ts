// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Completions let one task tell others that a job is done. They are the Linux
 * kernel's (`completion.c`, and chapter 5 of "Linux Device Drivers").
 *
 * A completion is a counter of what was completed and not yet taken, with a
 * queue in front of it. {@linkcode Completion.prototype.complete} lets exactly one waiter
 * go, the one that has waited longest or, if none waits, the next to come.
 * {@linkcode Completion.prototype.completeAll} lets all go, now and later.
 *
 * {@linkcode Completion} is for the tasks of one event loop,
 * {@linkcode SharedCompletion} for threads, which in Deno are workers.
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

import { EventLoopReference } from "./src/runtime/timers.ts";
import { type Waiter, WaitQueue } from "./src/barrier/wait_queue.ts";

/**
 * What a shared counter holds after `completeAll`. There it stays, as the
 * kernel's stays at `UINT_MAX`.
 */
const ALL = 2 ** 31 - 1;

/**
 * Options for {@linkcode Completion.prototype.wait} and
 * {@linkcode SharedCompletion.prototype.wait}.
 */
export interface CompletionWaitOptions {
  /**
   * Cancels the wait: it rejects with the signal's reason, takes no completion
   * and loses none. `AbortSignal.timeout(ms)` makes a timeout, in milliseconds.
   */
  signal?: AbortSignal | undefined;
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
  readonly #waiters = new WaitQueue<void>();

  /**
   * Whether a completion waits to be taken.
   *
   * Mirrors `completion_done`.
   *
   * @returns `true` if the next {@linkcode Completion.prototype.wait} need not wait.
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
    if (this.tryWait()) return Promise.resolve();
    return this.#waiters.wait(signal);
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
    if (this.#waiters.size > 0) this.#waiters.release();
    else this.#count++;
  }

  /**
   * Lets all waiters go, now and later, until {@linkcode Completion.prototype.reinit}.
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
}

/** Options for {@linkcode SharedCompletion.prototype.waitSync}. */
export interface CompletionWaitSyncOptions {
  /**
   * How long to wait, in milliseconds.
   *
   * @default {Infinity}
   */
  timeout?: number | undefined;
}

/**
 * Lets one thread tell others that a job is done: a {@linkcode Completion}
 * whose state is a `SharedArrayBuffer`, so that workers can share it.
 *
 * Mirrors `struct completion` of the Linux kernel.
 *
 * Among the waits of one `SharedCompletion`, first come is first served. Between
 * threads the one that has waited longest is woken. As in the kernel, another
 * thread can take the completion before that one is awake, and then that one
 * goes on waiting. When a wait is cancelled, all threads that wait queue up anew.
 *
 * Do not `terminate()` a worker that waits: the completion that wakes it can be
 * lost. Tell it to stop, and let it end with {@linkcode completeAndExit}.
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
   * What was completed and not yet taken, the only state that threads share.
   * Whoever finds it 0 sleeps on it, like on a futex.
   */
  #counter: Int32Array<SharedArrayBuffer> = new Int32Array(
    new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
  );
  /** Those who wait in this thread. */
  readonly #waiters = new WaitQueue<void>();
  /** Those of them whose place in the engine's queue may still be there. */
  readonly #asleep = new WeakSet<Waiter<void>>();
  /** Keeps the event loop alive while one sleeps, which the engine does not. */
  readonly #sleeping = new EventLoopReference();

  /**
   * Makes a thread's own view of a completion that another thread has made.
   *
   * @param buffer What {@linkcode SharedCompletion.prototype.buffer} was there. A new
   * buffer, of 4 bytes or more, is a completion that is not done.
   * @returns The completion.
   * @throws {TypeError} If `buffer` is no `SharedArrayBuffer`.
   * @throws {RangeError} If it is too small, or holds no counter.
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
    if (!(buffer instanceof SharedArrayBuffer)) {
      throw new TypeError(
        `Cannot share a completion: expected a SharedArrayBuffer, received ${
          Object.prototype.toString.call(buffer).slice(8, -1)
        }`,
      );
    }
    if (buffer.byteLength < Int32Array.BYTES_PER_ELEMENT) {
      throw new RangeError(
        `Cannot share a completion: expected a buffer of ${Int32Array.BYTES_PER_ELEMENT} bytes, received ${buffer.byteLength}`,
      );
    }
    const completion = new SharedCompletion();
    completion.#counter = new Int32Array(buffer, 0, 1);
    completion.#load();
    return completion;
  }

  /**
   * The state, for {@linkcode SharedCompletion.from} in another thread. It can
   * be posted to a worker any number of times.
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
   * Whether a completion waits to be taken.
   *
   * Mirrors `completion_done`.
   *
   * @returns `true` if the next {@linkcode SharedCompletion.prototype.wait} need not
   * wait, unless another thread takes the completion first.
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
   * Waits until there is a completion, and takes it. The event loop goes on
   * meanwhile, and stays alive.
   *
   * Mirrors `wait_for_completion`; with a signal, the `_interruptible`,
   * `_killable` and `_timeout` variants.
   *
   * @param options A signal to cancel the wait.
   * @returns A promise that resolves when a completion was taken. It rejects
   * with a `RangeError` if the buffer no longer holds a counter.
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
    const { last } = this.#waiters;
    const waiting = this.#waiters.wait(signal, this.#onCancel);
    const waiter = this.#waiters.last;
    if (waiter && waiter !== last) { // else it was rejected: that is no signal
      this.#sleeping.hold(true);
      this.#sleep(waiter);
    }
    return waiting;
  }

  /**
   * Waits until there is a completion, and takes it. The whole thread waits,
   * and with it its event loop, so this is for workers.
   *
   * Mirrors `wait_for_completion` and `wait_for_completion_timeout`.
   *
   * @param options How long to wait.
   * @returns `true` if a completion was taken, `false` if the time was over
   * first.
   * @throws {TypeError} If `options.timeout` is no number, or this thread may
   * not block.
   * @throws {RangeError} If `options.timeout` is negative or `NaN`, or the buffer
   * no longer holds a counter.
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
        `Cannot wait as 'timeout' must be a number: received ${typeof timeout}`,
      );
    }
    if (!(timeout >= 0)) {
      throw new RangeError(
        `Cannot wait as 'timeout' must be 0 or more milliseconds: received ${timeout}`,
      );
    }
    if (timeout === Infinity) { // no need to look at the clock, which costs
      while (!this.tryWait()) this.#block(timeout);
      return true;
    }
    const deadline = performance.now() + timeout;
    while (!this.tryWait()) {
      if (!this.#block(deadline - performance.now())) return this.tryWait();
    }
    return true;
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
   * Lets exactly one waiter go: the one that has waited longest or, if none
   * waits, the next to come.
   *
   * Mirrors `complete`. Like the kernel's counter, this one does not wrap: at
   * 2,147,483,647 it stays, which is as good as
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
    Atomics.notify(this.#counter, 0, 1);
  }

  /**
   * Lets all waiters go, now and later, until
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
   * Makes the completion not done, as it was when it was new. Those who wait go
   * on waiting.
   *
   * Mirrors `reinit_completion` (once `INIT_COMPLETION`), and like there, make
   * sure that all whom {@linkcode SharedCompletion.prototype.completeAll} let go have
   * gone: one in another thread that has not yet woken finds nothing to take.
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
        `Cannot share a completion: expected a counter in the buffer, received ${count}`,
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

  /** Gives what there is to those who already wait in this thread. */
  #serve(): void {
    while (this.#serveOne());
  }

  #serveOne(): boolean {
    const waiter = this.#waiters.first;
    if (waiter === undefined || !this.#take()) return false;
    this.#waiters.release();
    this.#leave(waiter);
    return true;
  }

  /** Looks for a completion, and sleeps in the engine's queue, in turn. */
  #sleep(waiter: Waiter<void>): void {
    this.#asleep.delete(waiter);
    for (;;) {
      try {
        this.#serveOne();
      } catch (error) {
        this.#waiters.remove(waiter);
        this.#leave(waiter);
        return waiter.reject(error);
      }
      if (!waiter.waiting) return;
      const sleep = Atomics.waitAsync(this.#counter, 0, 0);
      if (!sleep.async) continue; // there is one by now
      this.#asleep.add(waiter);
      sleep.value.then(() => this.#sleep(waiter));
      return;
    }
  }

  readonly #onCancel = (waiter: Waiter<void>): void => {
    try {
      this.#serve(); // what came before the cancellation counts
    } catch {
      // A buffer that holds no counter brings nothing.
    }
    if (waiter.waiting) this.#leave(waiter);
  };

  /** A waiter has gone, or is about to. */
  #leave(waiter: Waiter<void>): void {
    // A task that waits again at once shall not pay for another timer.
    queueMicrotask(() => this.#unref());
    // Nobody can leave the engine's queue but by being woken, and who left us
    // would swallow another's wake-up there. So all are woken, in all threads,
    // and who still waits goes to sleep again.
    if (this.#asleep.has(waiter)) Atomics.notify(this.#counter, 0);
  }

  /** Lets the event loop end if nobody sleeps. */
  #unref(): void {
    if (this.#waiters.size > 0) return;
    this.#sleeping.hold(false);
  }

  /** Returns whether it was woken in time. */
  #block(timeout: number): boolean {
    try {
      return Atomics.wait(this.#counter, 0, 0, timeout) !== "timed-out";
    } catch (cause) {
      throw new TypeError(
        "Cannot wait synchronously: this thread may not block, use wait()",
        { cause },
      );
    }
  }
}

/**
 * Completes, and ends the program or, in a worker, that worker alone. It
 * completes as the very last thing, after the `unload` listeners, so whoever
 * waits for the completion knows that no more code runs here. Do not call it in
 * such a listener; and a listener that throws, or that calls `Deno.exit`, keeps
 * it from completing.
 *
 * Mirrors `complete_and_exit`.
 *
 * @param completion The completion to complete.
 * @param code The exit code, `0` by default. That of a worker goes nowhere.
 * @returns Never.
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
  completion: Completion | SharedCompletion,
  code = 0,
): never {
  addEventListener("unload", () => completion.complete());
  Deno.exit(code);
}
