// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * A barrier joins two sides, a parent and a child, that cannot see each other's
 * state: two processes, or two tasks. Each side places synchronization points
 * and waits for those of the other side. It is the IPC barrier of systemd
 * (`barrier.c`) for Deno.
 *
 * Each barrier that one side places is linked to the barrier that the other
 * side places at the same count: the first to the first, the second to the
 * second. No barrier has a name. All that a side needs is one signed counter,
 * what it placed less what it took of the other side's: above zero the other
 * side is behind, at zero or below it has caught up. So a barrier serves one
 * way ("I am ready", {@linkcode Barrier.prototype.waitNext}) and both ways ("we have both
 * come this far", {@linkcode Barrier.prototype.sync}).
 *
 * A wait never hangs on a side that will not come:
 *
 * - Either side can abort. An abortion cannot be undone, and it supersedes: on
 *   both sides it cancels every barrier that was placed and not yet taken, and
 *   every wait, present and later, gives `false` at once. Only
 *   {@linkcode Barrier.prototype.waitAbortion} goes on, until both have aborted.
 * - A side that exits, or crashes, aborts implicitly, but behind what it had
 *   placed: its barriers can still be waited for, and only the wait that needs
 *   more than has arrived gives `false`. So "place a barrier and exit" is safe.
 *
 * A side knows what its peer did only by what has arrived: a stream of bytes in
 * each direction, cut into lines. An empty line is a barrier. `PROTOCOL.md`
 * tells the rest, and {@linkcode BarrierChannel} is all that a barrier asks of
 * whatever carries the bytes.
 *
 * ```ts
 * import { Barrier } from "@ipc/barrier/barrier";
 * import { assert } from "@std/assert";
 *
 * const [parent, child] = Barrier.pair();
 * parent.place();
 * child.place();
 * assert(await parent.sync());
 * assert(await child.sync());
 * ```
 *
 * @module
 */

import {
  Arrivals,
  BarrierIterator,
  DONE,
  type Step,
  type StepResult,
} from "./src/barrier/arrivals.ts";
import {
  type BarrierChannel,
  type BarrierOptions,
  type BarrierRole,
  type BarrierWaitOptions,
  checkOptions,
  type MessageReceiver,
} from "./src/barrier/channel.ts";
import { BarrierAbortedError } from "./src/barrier/error.ts";
import {
  encodeAbortion,
  encodeBarrier,
  LineReader,
  type Message,
} from "./src/barrier/lines.ts";
import { channelOver } from "./src/channels/over.ts";
import { pairedChannels } from "./src/channels/pair.ts";
import type { BarrierPort } from "./src/channels/port.ts";
import type { BarrierStreams } from "./src/channels/streams.ts";
import { WaitQueue } from "./src/barrier/wait_queue.ts";

export type {
  BarrierChannel,
  BarrierOptions,
  BarrierReceiver,
  BarrierRole,
  BarrierWaitOptions,
} from "./src/barrier/channel.ts";
export {
  BarrierAbortedError,
  type BarrierAbortedErrorOptions,
} from "./src/barrier/error.ts";
export type { BarrierPort } from "./src/channels/port.ts";
export type { BarrierStreams } from "./src/channels/streams.ts";

/**
 * One side of a barrier. The documentation of its module explains the idea.
 *
 * Every wait resolves to `true` when what it waits for has come, and to `false`
 * when it never will. Several waits may be pending at once: on every arrival
 * they are all served by the same barriers.
 *
 * A barrier keeps the process alive only while a wait is pending, or what was
 * placed finds no room; one over a port always does.
 *
 * Mirrors `Barrier` of systemd's `barrier.h`.
 *
 * @example Usage
 * ```ts
 * import { Barrier } from "@ipc/barrier/barrier";
 * import { assert, assertFalse } from "@std/assert";
 *
 * const [parent, child] = Barrier.pair();
 * child.place();
 * child.destroy();
 * assert(await parent.waitNext()); // what was placed still arrives
 * assertFalse(await parent.waitNext()); // and nothing more will
 * ```
 */
export class Barrier implements Disposable, AsyncIterable<string | undefined> {
  readonly #channel: BarrierChannel;
  readonly #role: BarrierRole;
  readonly #reader: LineReader;

  /** What we placed, less what we took of theirs. */
  #barriers: number;
  /** What has arrived from the peer, and no wait has taken yet. */
  readonly #arrived: Arrivals;
  #note: string | undefined;

  #iAborted = false;
  #theyAborted = false;
  #destroyed = false;
  /** Why nothing more will arrive, once that is so. */
  #end: BarrierAbortedError | undefined;

  readonly #nexts = new WaitQueue<boolean>();
  readonly #syncs = new WaitQueue<boolean>();
  readonly #abortions = new WaitQueue<boolean>();
  /** The iterators that wait for one barrier each. */
  readonly #steps = new WaitQueue<StepResult>();
  #keepsAlive = false;

  #failure: BarrierAbortedError | undefined;
  #controller: AbortController | undefined;

  /**
   * Puts one side of a barrier on a channel. The peer is the barrier, or the
   * program, at the channel's other end.
   *
   * Mirrors `barrier_create` and `barrier_set_role`.
   *
   * @param channel What carries the bytes. It belongs to the barrier from now on.
   * @param options The role, and the counter to start from.
   * @throws {TypeError} If `options.role` is neither side.
   * @throws {RangeError} If `options.barriers` is not a safe integer.
   *
   * @example Usage
   * ```ts
   * import { Barrier, type BarrierChannel } from "@ipc/barrier/barrier";
   * import { assertEquals } from "@std/assert";
   *
   * const sent: Uint8Array[] = [];
   * const channel: BarrierChannel = {
   *   ...{ open() {}, close() {}, ref() {}, unref() {} },
   *   send: (bytes) => void sent.push(bytes),
   * };
   * new Barrier(channel).place();
   * assertEquals(sent, [new TextEncoder().encode("\n")]);
   * ```
   */
  constructor(channel: BarrierChannel, options: BarrierOptions = {}) {
    const { role, barriers } = checkOptions(options);
    this.#channel = channel;
    this.#role = role;
    this.#barriers = barriers;
    this.#reader = new LineReader(channel.acceptsText ?? false);
    this.#arrived = Arrivals.of(channel);
    const receiver: MessageReceiver = {
      receive: (bytes) =>
        this.#receive((onMessage) => this.#reader.read(bytes, onMessage)),
      deliver: (messages) =>
        this.#receive((onMessage) => messages.every(onMessage)),
      end: (error) => this.#endArrivals(error),
      hangUp: (error) => this.#fail(this.#endArrivals(error)),
    };
    channel.open(receiver);
  }

  /**
   * Makes both sides of a barrier for two tasks of one event loop. What one
   * side sends reaches the other within a few microtasks, in order.
   *
   * @returns The parent's side and the child's side.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * child.place();
   * assert(await parent.waitNext());
   * ```
   */
  static pair(): [parent: Barrier, child: Barrier] {
    const [near, far] = pairedChannels();
    return [new Barrier(near), new Barrier(far, { role: "child" })];
  }

  /**
   * Puts one side of a barrier on streams or on messages. The other side does
   * the same with the other end.
   *
   * - Streams belong to the barrier from now on. If they have an `unref` method
   *   it is used, otherwise they keep the event loop alive until either side
   *   hangs up. A `Deno.Conn` is closed when both have. What was placed just
   *   before `Deno.exit` may be lost.
   * - A port keeps the event loop alive until either side hangs up; a worker
   *   until it is terminated or closes itself. Neither that nor the closing of a
   *   port shows at its other end: destroy the barrier first. An error that ends
   *   a worker is a hang-up, and ends this program only once this is destroyed.
   * - Put a barrier on a worker, and on its global scope, before anything is
   *   awaited: what arrives where nobody listens is lost.
   *
   * @param transport The streams, or the port.
   * @param options The role, and the counter to start from.
   * @returns The barrier.
   * @throws {TypeError} If `transport` is neither streams nor a port, its streams
   * are locked, or `options.role` is neither side.
   * @throws {RangeError} If `options.barriers` is not a safe integer.
   *
   * @example Over a message channel
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert } from "@std/assert";
   *
   * const { port1, port2 } = new MessageChannel();
   * using parent = Barrier.over(port1, { role: "parent" });
   * using child = Barrier.over(port2, { role: "child" });
   *
   * child.place();
   * assert(await parent.waitNext());
   * ```
   */
  static over(
    transport: BarrierStreams | BarrierPort,
    options: BarrierOptions = {},
  ): Barrier {
    return new Barrier(channelOver(transport), options);
  }

  /**
   * Which side of the barrier this is.
   *
   * @returns The role.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assertEquals } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * assertEquals([parent.role, child.role], ["parent", "child"]);
   * ```
   */
  get role(): BarrierRole {
    return this.#role;
  }

  /**
   * The note of the newest barrier taken here that carried one.
   *
   * @returns The note, `undefined` before the first one.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assertEquals } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * child.place("listening on port 8000");
   * await parent.waitNext();
   * assertEquals(parent.note, "listening on port 8000");
   * ```
   */
  get note(): string | undefined {
    return this.#note;
  }

  /**
   * Whether this side aborted.
   *
   * Mirrors `barrier_i_aborted`.
   *
   * @returns `true` once {@linkcode Barrier.prototype.abort} was called here, or the peer
   * broke the protocol.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert } from "@std/assert";
   *
   * const [parent] = Barrier.pair();
   * parent.abort();
   * assert(parent.iAborted);
   * ```
   */
  get iAborted(): boolean {
    return this.#iAborted;
  }

  /**
   * Whether the peer aborted: its abortion has arrived, or a wait here needed
   * more than it had placed before it hung up.
   *
   * Mirrors `barrier_they_aborted`.
   *
   * @returns `true` once the peer's abortion is known here.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * child.abort();
   * await parent.waitAbortion();
   * assert(parent.theyAborted);
   * ```
   */
  get theyAborted(): boolean {
    return this.#theyAborted;
  }

  /**
   * Whether both sides aborted.
   *
   * Mirrors `barrier_we_aborted`.
   *
   * @returns `true` once {@linkcode Barrier.prototype.iAborted} and
   * {@linkcode Barrier.prototype.theyAborted} are.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * parent.abort();
   * child.abort();
   * await parent.waitAbortion();
   * assert(parent.weAborted);
   * ```
   */
  get weAborted(): boolean {
    return this.#iAborted && this.#theyAborted;
  }

  /**
   * Whether either side aborted.
   *
   * Mirrors `barrier_is_aborted`.
   *
   * @returns `true` once {@linkcode Barrier.prototype.iAborted} or
   * {@linkcode Barrier.prototype.theyAborted} is.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert } from "@std/assert";
   *
   * const [parent] = Barrier.pair();
   * parent.abort();
   * assert(parent.isAborted);
   * ```
   */
  get isAborted(): boolean {
    return this.#iAborted || this.#theyAborted;
  }

  /**
   * The notice that the barrier cannot go on: aborted as soon as either side
   * aborted, this side was destroyed, or the peer hung up, with a
   * {@linkcode BarrierAbortedError} as its reason. A hang-up shows here at once,
   * while barriers that arrived before it can still be waited for.
   *
   * @returns The signal, always the same one.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert } from "@std/assert";
   *
   * const [parent] = Barrier.pair();
   * const { signal } = parent;
   * parent.abort("no longer needed");
   * assert(signal.aborted);
   * ```
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#failure) this.#controller.abort(this.#failure);
      else this.#channel.watch?.();
    }
    return this.#controller.signal;
  }

  /**
   * Places a barrier. It never blocks. That the peer is gone does not matter
   * here: only a wait tells.
   *
   * Mirrors `barrier_place`.
   *
   * @param note One line of text that the barrier carries to the peer, which
   * reads it from {@linkcode Barrier.prototype.note}: at most 4,095 bytes of UTF-8
   * without characters that control a terminal or the direction of writing.
   * @returns `true` if placed, `false` if a side aborted, or this was destroyed.
   * @throws {TypeError} If `note` is not one line of text.
   * @throws {RangeError} If `note` is too long.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert, assertFalse } from "@std/assert";
   *
   * const [parent] = Barrier.pair();
   * assert(parent.place());
   * parent.abort();
   * assertFalse(parent.place());
   * ```
   */
  place(note?: string): boolean {
    const line = encodeBarrier(note);
    if (this.isAborted || this.#destroyed) return false;
    this.#channel.send(line);
    this.#barriers++;
    return true;
  }

  /**
   * Aborts the barrier, for good. The peer is told, and every pending and
   * later wait on this side but {@linkcode Barrier.prototype.waitAbortion} gives `false`.
   * Further calls do nothing.
   *
   * Mirrors `barrier_abort`.
   *
   * @param reason One line of text for the peer, which finds it in the message
   * of its {@linkcode BarrierAbortedError}: at most 4,090 bytes of UTF-8
   * without characters that control a terminal or the direction of writing.
   * @param options A `cause` for the error of this side's
   * {@linkcode Barrier.prototype.signal}. It is not sent.
   * @returns `false` if the peer aborted already, or this side was destroyed.
   * @throws {TypeError} If `reason` is not one line of text.
   * @throws {RangeError} If `reason` is too long.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert, assertFalse } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * assert(child.abort("cannot bind port 80"));
   * assertFalse(await parent.waitNext());
   * ```
   */
  abort(reason?: string, options?: ErrorOptions): boolean {
    const line = encodeAbortion(reason);
    if (this.#destroyed) return false;
    if (!this.#iAborted) {
      const message = withReason("Barrier aborted by this side", reason);
      this.#serveReleased();
      this.#iAbort(
        line,
        new BarrierAbortedError(message, {
          ...options,
          kind: "aborted",
          side: "local",
        }),
      );
    }
    return !this.#theyAborted;
  }

  /**
   * Waits until the peer places its next barrier, whatever was placed here.
   *
   * One call takes all that has arrived. So two calls in a row can hang where
   * the peer placed two barriers: if both had arrived, the first call took them,
   * and {@linkcode Barrier.prototype.note} is the second's. To take barriers one
   * at a time, each with its note, iterate over the barrier; to proceed in step
   * with the peer, use {@linkcode Barrier.prototype.placeAndSync}.
   *
   * Mirrors `barrier_wait_next`.
   *
   * @param options A signal to cancel the wait.
   * @returns `true` when a barrier of the peer was taken, `false` if either
   * side aborted.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * child.place();
   * assert(await parent.waitNext());
   * ```
   */
  waitNext(options?: BarrierWaitOptions): Promise<boolean> {
    return this.#wait(
      this.#nexts,
      options,
      () => this.#takeIf(this.#canTake()),
    );
  }

  /**
   * Waits until the peer places the next barrier that is linked to one placed
   * here. If the peer has placed at least as many as this side, it resolves at
   * once and takes nothing.
   *
   * Mirrors `barrier_sync_next`.
   *
   * @param options A signal to cancel the wait.
   * @returns `true` when the peer came closer or is not behind, `false` if
   * either side aborted.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * assert(await parent.syncNext()); // nothing placed here, nothing to wait for
   *
   * parent.place();
   * parent.place();
   * child.place();
   * assert(await parent.syncNext()); // one of two
   * ```
   */
  syncNext(options?: BarrierWaitOptions): Promise<boolean> {
    return this.#wait(
      this.#nexts,
      options,
      () => this.#barriers <= 0 || this.#takeIf(this.#canTake()),
    );
  }

  /**
   * Waits until the peer has placed as many barriers as this side, in total. If
   * it has already, this resolves at once.
   *
   * Mirrors `barrier_sync`.
   *
   * @param options A signal to cancel the wait.
   * @returns `true` when the peer has caught up, `false` if either side aborted.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * parent.place();
   * child.place();
   * assert(await parent.sync());
   * ```
   */
  sync(options?: BarrierWaitOptions): Promise<boolean> {
    return this.#wait(
      this.#syncs,
      options,
      () =>
        this.#barriers <= 0 ||
        this.#takeIf(this.#barriers <= this.#arrived.count),
    );
  }

  /**
   * Places a barrier, and waits until the peer has caught up:
   * {@linkcode Barrier.prototype.place} followed by {@linkcode Barrier.prototype.sync}. Cancelling
   * it cancels the wait, not the barrier that was placed.
   *
   * Mirrors `barrier_place_and_sync`.
   *
   * @param options A signal to cancel the wait. One that is aborted already
   * keeps the barrier from being placed.
   * @returns `true` when the peer has caught up, `false` if either side aborted.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assertEquals } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * const sync = parent.placeAndSync();
   * assertEquals([await child.placeAndSync(), await sync], [true, true]);
   * ```
   */
  placeAndSync(options?: BarrierWaitOptions): Promise<boolean> {
    if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
    this.place();
    return this.sync(options);
  }

  /**
   * Waits until the peer aborts or hangs up, whether this side aborted or not.
   * It takes no barrier. From then on a hang-up counts as an abortion, and what
   * had arrived and was not taken is void; {@linkcode Barrier.prototype.signal} tells of a
   * hang-up without that.
   *
   * Mirrors `barrier_wait_abortion`.
   *
   * @param options A signal to cancel the wait.
   * @returns `false` if this side aborted too, `true` otherwise.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert, assertFalse } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * child.abort();
   * assert(await parent.waitAbortion());
   *
   * parent.abort();
   * assertFalse(await parent.waitAbortion());
   * ```
   */
  waitAbortion(options?: BarrierWaitOptions): Promise<boolean> {
    if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
    if (this.#destroyed) return Promise.resolve(false);
    if (this.#end) this.#theyAbort(this.#end);
    if (this.#theyAborted) return Promise.resolve(!this.#iAborted);
    return this.#enqueue(this.#abortions, options?.signal);
  }

  /**
   * Hangs up. What was placed still arrives, and behind it the peer sees that
   * this side is gone. Pending waits give `false`, and so does every later
   * call; {@linkcode Barrier.prototype.signal} is aborted. Further calls do
   * nothing.
   *
   * Mirrors `barrier_destroy`.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assertFalse } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * parent.destroy();
   * assertFalse(await child.waitNext());
   * ```
   */
  destroy(): void {
    if (this.#destroyed) return;
    this.#serveReleased();
    this.#destroyed = true;
    this.#abortions.releaseAll(false);
    this.#failWaits();
    this.#channel.close();
    const message = "Barrier destroyed by this side";
    this.#fail(
      new BarrierAbortedError(message, { kind: "destroyed", side: "local" }),
    );
  }

  /**
   * Does what {@linkcode Barrier.prototype.destroy} does, at the end of a block.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assertFalse } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * {
   *   using _barrier = parent;
   * }
   * assertFalse(await child.waitNext());
   * ```
   */
  [Symbol.dispose](): void {
    this.destroy();
  }

  /**
   * Takes the peer's barriers one at a time, each with its note; `undefined` if
   * it has none. The iteration ends when
   * {@linkcode Barrier.prototype.waitNext} would give `false`. Nothing is
   * skipped: what has arrived and was not iterated over stays to be taken, by
   * another iteration or by any wait.
   *
   * Notes that nobody takes are kept up to 1 MiB in all. Beyond that the oldest
   * are forgotten, though not their barriers, which then come without a note.
   *
   * Mirrors a read of an eventfd in semaphore mode (`EFD_SEMAPHORE`).
   *
   * @returns The iterator.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assertEquals } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * child.place("one");
   * child.place("two");
   * child.destroy();
   *
   * const notes = [];
   * for await (const note of parent) notes.push(note);
   * assertEquals(notes, ["one", "two"]);
   * ```
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | undefined> {
    return new BarrierIterator({
      take: (steps) => this.#takeNext(steps),
      cancel: (step) => {
        this.#steps.remove(step);
        this.#unrefLater();
      },
    });
  }

  /** Takes one barrier, now or, as one of the steps of an iterator, later. */
  #takeNext(steps: Set<Step>): Promise<StepResult> {
    if (this.isAborted || this.#destroyed) return Promise.resolve(DONE);
    this.#serveReleased();
    if (this.#canTake()) {
      return Promise.resolve({ done: false, value: this.#takeOne() });
    }
    if (this.#end) {
      this.#theyAbort(this.#end);
      return Promise.resolve(DONE);
    }
    const result = this.#enqueue(this.#steps);
    for (const step of steps) if (!step.waiting) steps.delete(step);
    steps.add(this.#steps.last!);
    return result;
  }

  /**
   * Whether there is something to take. While a sync is pending there is not:
   * all that arrives is reserved for it. A sync takes nothing before it can have
   * all it needs, so that one that is cancelled has nothing to give back.
   */
  #canTake(): boolean {
    return this.#arrived.count > 0 && this.#syncs.size === 0;
  }

  /** Takes all that has arrived, as one read of an eventfd does. */
  #takeAll(): void {
    this.#barriers -= this.#arrived.count;
    this.#note = this.#arrived.takeAll() ?? this.#note;
    this.#nexts.releaseAll(true);
  }

  /** Takes one barrier, as a read in semaphore mode does, and gives its note. */
  #takeOne(): string | undefined {
    this.#barriers--;
    const note = this.#arrived.takeOne();
    this.#note = note ?? this.#note;
    return note;
  }

  /** Takes all that has arrived if that is enough for a wait. */
  #takeIf(isEnough: boolean): boolean {
    if (isEnough) this.#takeAll();
    return isEnough;
  }

  /** Serves the pending waits from what has just become available. */
  #serve(available: number): void {
    for (; available > 0 && this.#steps.size > 0; available--) {
      this.#steps.release({ done: false, value: this.#takeOne() });
    }
    const synced = this.#syncs.size > 0 &&
      this.#barriers <= this.#arrived.count;
    if (synced || this.#nexts.size > 0) this.#takeAll();
    if (synced) this.#syncs.releaseAll(true);
    this.#unrefLater();
  }

  /** Serves the pending waits from what a cancelled sync had reserved. */
  #serveReleased(): void {
    if (this.#canTake()) this.#serve(this.#arrived.count);
  }

  #wait(
    queue: WaitQueue<boolean>,
    options: BarrierWaitOptions | undefined,
    isSatisfied: () => boolean,
  ): Promise<boolean> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.isAborted || this.#destroyed) return Promise.resolve(false);
    this.#serveReleased();
    if (isSatisfied()) return Promise.resolve(true);
    if (this.#end) {
      this.#theyAbort(this.#end);
      return Promise.resolve(false);
    }
    return this.#enqueue(queue, signal);
  }

  #enqueue<T>(queue: WaitQueue<T>, signal?: AbortSignal): Promise<T> {
    const result = queue.wait(signal, this.#onCancel);
    if (!this.#keepsAlive && this.#waiting > 0) {
      this.#keepsAlive = true;
      this.#channel.ref();
    }
    return result;
  }

  readonly #onCancel = (): void => {
    // What the last sync had reserved is there for the others, but not for
    // those that the same signal cancels after it.
    queueMicrotask(() => {
      this.#serveReleased();
      this.#unrefLater();
    });
  };

  get #waiting(): number {
    return this.#nexts.size + this.#syncs.size + this.#abortions.size +
      this.#steps.size;
  }

  /**
   * Lets the channel not keep the event loop alive if no wait is pending, once
   * those that have ended could wait again.
   */
  #unrefLater(): void {
    if (!this.#keepsAlive || this.#waiting > 0) return;
    queueMicrotask(() => {
      if (!this.#keepsAlive || this.#waiting > 0) return;
      this.#keepsAlive = false;
      this.#channel.unref();
    });
  }

  #failWaits(): void {
    this.#nexts.releaseAll(false);
    this.#syncs.releaseAll(false);
    this.#steps.releaseAll(DONE);
    this.#unrefLater();
  }

  #iAbort(line: Uint8Array, error: BarrierAbortedError): void {
    this.#iAborted = true;
    this.#arrived.takeAll(); // which is void now
    this.#channel.send(line);
    this.#failWaits();
    this.#fail(error);
  }

  #theyAbort(error: BarrierAbortedError): void {
    this.#theyAborted = true;
    this.#arrived.takeAll(); // which is void now
    this.#abortions.releaseAll(!this.#iAborted);
    this.#failWaits();
    this.#fail(error);
  }

  #fail(error: BarrierAbortedError): void {
    this.#failure ??= error;
    this.#controller?.abort(this.#failure);
  }

  #receive(read: (onMessage: (message: Message) => boolean) => void): void {
    if (this.#theyAborted || this.#destroyed) return;
    this.#serveReleased();
    const before = this.#arrived.count;
    read(this.#onMessage);
    const arrived = this.#arrived.count - before;
    if (arrived > 0) this.#serve(arrived);
  }

  readonly #onMessage = (message: Message): boolean => {
    switch (message.kind) {
      case "barrier":
        this.#arrived.add(message.note);
        return true;
      case "abort": {
        const { reason } = message;
        this.#theyAbort(
          new BarrierAbortedError(
            withReason("Barrier aborted by the peer", reason),
            { kind: "aborted", side: "peer", reason },
          ),
        );
        return false;
      }
      case "violation": {
        // There is no way to recover from that, so both sides abort.
        const error = new BarrierAbortedError(message.why, {
          kind: "violation",
          side: "peer",
        });
        if (!this.#iAborted) this.#iAbort(encodeAbortion(message.why), error);
        this.#theyAbort(error);
        return false;
      }
    }
  };

  #endArrivals(
    error = new BarrierAbortedError("Peer hung up", {
      kind: "closed",
      side: "peer",
    }),
  ): BarrierAbortedError {
    this.#end = error;
    this.#serveReleased();
    if (this.#waiting > 0) this.#theyAbort(error);
    return error;
  }
}

function withReason(message: string, reason = ""): string {
  return reason === "" ? message : `${message}: ${reason}`;
}
