// Copyright 2026 the @ipc/barrier authors. MIT license.

import { Arrivals, BarrierIterator, DONE, type Step } from "./arrivals.ts";
import type { BarrierChannel, MessageReceiver } from "./channel.ts";
import { BarrierAbortedError, showCaller } from "./error.ts";
import {
  describe,
  encodeAbort,
  encodeBarrier,
  LineReader,
  type Message,
  REASON_MAX,
  toLine,
} from "./lines.ts";
import type { BarrierObserver } from "./observer.ts";
import {
  type BarrierOptions,
  type BarrierRole,
  type BarrierWaitOptions,
  checkChannel,
  checkOptions,
  type InternalOptions,
  refused,
} from "./options.ts";
import { pairedChannels } from "./pair.ts";
import type {
  BarrierEmitter,
  BarrierPort,
  BarrierStreams,
  BarrierTransport,
  BarrierWebSocket,
} from "./transports.ts";
import { WaitQueue } from "./wait_queue.ts";

/** Makes the channel of {@linkcode Barrier.over}. */
let channelOver: (transport: BarrierTransport) => BarrierChannel;

/**
 * Sets what makes the channel of {@linkcode Barrier.over}. This module does not
 * import those channels, so that a child that inherits its barrier starts sooner.
 */
export function setChannelOver(make: typeof channelOver): void {
  channelOver = make;
}

/**
 * One side of a barrier. See the module documentation for an introduction.
 *
 * {@linkcode Barrier.prototype.receive} resolves to the note of the peer's next
 * barrier, and rejects if there will be none. The other waits resolve to `true`
 * when their condition is met, and to `false` when it can no longer be met. One
 * arrival serves all pending waits.
 *
 * A barrier keeps the process alive only while a wait is pending or data is still
 * being written. {@linkcode Barrier.over} says which transports always keep it alive.
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
  readonly #observer: BarrierObserver | undefined;
  readonly #details: InternalOptions["details"];

  /** The counter at the start. */
  readonly #start: number;
  #placed = 0;
  #consumed = 0;
  readonly #arrived = new Arrivals();
  #note: string | undefined;

  #iAborted = false;
  #theyAborted = false;
  #destroyed = false;
  /** Why nothing more will arrive, once that is known. */
  #end: BarrierAbortedError | undefined;

  readonly #nexts = new WaitQueue<boolean>();
  readonly #syncNexts = new WaitQueue<boolean>();
  readonly #syncs = new WaitQueue<boolean>();
  readonly #abortions = new WaitQueue<boolean>();
  /** Calls of `receive()`, and steps of iterations. */
  readonly #receives = new WaitQueue<string | undefined>();
  #keepsAlive = false;
  /** How many waits were reported to the observer. */
  #waits = 0;

  /** The reason of the signal. */
  #failure: BarrierAbortedError | undefined;
  #controller: AbortController | undefined;
  /** Whether the signal is aborted after what is being read. */
  #failsSoon = false;

  /**
   * Creates one side of a barrier that communicates over a channel. The peer is
   * at the channel's other end.
   *
   * Mirrors `barrier_create` and `barrier_set_role`.
   *
   * @param channel What carries the bytes. The barrier takes ownership of it.
   * @param options The role, and the counter to start from.
   * @throws {TypeError} If `channel` is not a channel, or `options.role` is
   * neither side.
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
    const { role, barriers, observer, details } = checkOptions(options);
    checkChannel(channel);
    this.#channel = channel;
    this.#role = role;
    this.#start = barriers;
    this.#observer = observer;
    this.#details = details;
    this.#reader = new LineReader(channel.acceptsText ?? false);
    const receiver: MessageReceiver = {
      receive: (bytes) =>
        this.#receiveMessages((onMessage) =>
          this.#reader.read(bytes, onMessage)
        ),
      deliver: (messages) =>
        this.#receiveMessages((onMessage) => messages.every(onMessage)),
      end: (error) => this.#endArrivals("peerClosed", error),
      hangUp: (error) => {
        const end = this.#endArrivals("peerHungUp", error);
        this.#failure ??= end;
        this.#abortSignal();
      },
    };
    observer?.({ kind: "opened" });
    channel.open(receiver);
  }

  /**
   * Creates both sides of a barrier for two tasks of one event loop. What one
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
   * Creates one side of a barrier over a connection, a WebSocket, a port or a
   * worker. The other side does the same with the other end.
   *
   * - The barrier takes ownership of streams. If they have an `unref` method, it is
   *   used; otherwise they keep the event loop alive until either side hangs up. A
   *   `Deno.Conn` is closed when both have. Barriers placed right before
   *   `Deno.exit` can be lost.
   * - A `WebSocket` can still be connecting: barriers placed before it is open are
   *   sent when it is. It keeps the event loop alive until either side hangs up.
   * - A port keeps the event loop alive until either side hangs up; a worker
   *   until it is terminated or closes itself. An uncaught error in a worker is
   *   treated as a hang-up; while the barrier exists, it does not terminate this
   *   program.
   * - In Node and Bun, a port that is closed and a thread that exits are hang-ups.
   *   In Deno and browsers, terminating a worker or closing a port is not visible
   *   to the other end, so destroy the barrier first.
   * - Create the barrier before the first `await`, in both the program and the
   *   worker. Messages that arrive before that are lost.
   *
   * @param transport The streams, the `WebSocket`, the port, the worker, or in a
   * worker its global scope. In Node, a `Worker` or the `parentPort` of
   * `node:worker_threads`.
   * @param options The role, and the counter to start from.
   * @returns The barrier.
   * @throws {TypeError} If `transport` is none of these, its streams are locked,
   * or `options.role` is neither side.
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
   *
   * @example Over a WebSocket, in a server and its client
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assertEquals } from "@std/assert";
   *
   * async function serve(socket: WebSocket): Promise<void> {
   *   using child = Barrier.over(socket, { role: "child" });
   *   for await (const note of child) child.place(`received: ${note}`);
   * }
   *
   * await using server = Deno.serve({ port: 0, onListen() {} }, (request) => {
   *   const { socket, response } = Deno.upgradeWebSocket(request);
   *   serve(socket);
   *   return response;
   * });
   *
   * const socket = new WebSocket(`ws://localhost:${server.addr.port}`);
   * using parent = Barrier.over(socket);
   * parent.place("hello");
   * assertEquals(await parent.receive(), "received: hello");
   * ```
   */
  static over(
    transport: BarrierStreams | BarrierPort | BarrierEmitter | BarrierWebSocket,
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
   * The newest note among the barriers that the last wait consumed, `undefined`
   * if none of them had one. A wait that consumes nothing leaves it as it is.
   *
   * @returns The note.
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
   * Whether this side has aborted.
   *
   * Mirrors `barrier_i_aborted`.
   *
   * @returns `true` once {@linkcode Barrier.prototype.abort} was called, or the
   * peer broke the protocol.
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
   * Whether the peer has aborted, either explicitly or by hanging up while a wait
   * on this side still needed a barrier.
   *
   * Mirrors `barrier_they_aborted`.
   *
   * @returns `true` once this side knows that the peer has aborted.
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
   * Whether both sides have aborted.
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
   * Whether either side has aborted.
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
   * A signal that is aborted when the barrier can no longer be used: when either
   * side aborts, when this side is destroyed, or when the peer hangs up. Its reason
   * is a {@linkcode BarrierAbortedError}. After a hang-up, barriers that arrived
   * before it can still be consumed.
   *
   * @returns The signal, which is the same for every access.
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
      if (!this.#failure) this.#channel.watch?.();
    }
    if (this.#failure) this.#controller.abort(this.#failure);
    return this.#controller.signal;
  }

  /**
   * Places a barrier. This never blocks, and it succeeds even if the peer has
   * hung up; only a wait reveals that.
   *
   * Mirrors `barrier_place`.
   *
   * @param note One line of text for the peer, which
   * {@linkcode Barrier.prototype.receive} resolves to: at most 4,095 bytes of UTF-8
   * without control characters or bidirectional formatting characters.
   * @returns `true` if the barrier was placed, `false` if a side has aborted or
   * this side was destroyed.
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
    this.#observer?.({ kind: "placed", number: this.#placed + 1, note });
    this.#placed++;
    this.#channel.send(line);
    return true;
  }

  /**
   * Aborts the barrier permanently, on both sides. Barriers that were not
   * consumed are discarded. All pending and later waits of this side resolve to
   * `false` or reject, except {@linkcode Barrier.prototype.waitAbortion}.
   * Further calls do nothing.
   *
   * This never throws, whatever the reason is.
   *
   * Mirrors `barrier_abort`.
   *
   * @param reason Why, for the peer: the `reason` of its
   * {@linkcode BarrierAbortedError} is this text, or the message of this error,
   * as one printable line of at most 4,090 bytes of UTF-8.
   * @param options A `cause` for the error of this side's
   * {@linkcode Barrier.prototype.signal}. It is not sent. The default is `reason`.
   * @returns `false` if the peer has aborted, or this side was destroyed; `true`
   * otherwise.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert, assertEquals } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * assert(child.abort(new Error("cannot bind port 80")));
   * await parent.waitAbortion();
   * assertEquals(parent.signal.reason.reason, "cannot bind port 80");
   * ```
   */
  abort(reason?: unknown, options?: ErrorOptions): boolean {
    if (this.#destroyed) return false;
    if (!this.#iAborted) {
      const text = reason === undefined
        ? undefined
        : toLine(describe(reason), REASON_MAX);
      const message = withReason("Barrier aborted by this side", text);
      const error = new BarrierAbortedError(message, {
        ...causeOf(reason, options),
        kind: "aborted",
        side: "local",
      });
      this.#serveReleased();
      this.#iAbort(text, error);
    }
    return !this.#theyAborted;
  }

  /**
   * Waits for the peer's next barrier, regardless of how many this side has
   * placed, and consumes every barrier that has arrived.
   *
   * Therefore two consecutive calls can hang even though the peer placed two
   * barriers: if both had already arrived, the first call consumed both. Use
   * {@linkcode Barrier.prototype.receive} to consume barriers one at a time, and
   * {@linkcode Barrier.prototype.placeAndSync} to proceed in step with the peer.
   *
   * Mirrors `barrier_wait_next`.
   *
   * @param options A signal that cancels the wait.
   * @returns `true` when a barrier was consumed, `false` if either side aborted
   * or hung up.
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
    return this.#observed("waitNext", isTrue, () =>
      this.#wait(
        this.#nexts,
        options,
        () => false,
        () => this.#canConsume(),
      ));
  }

  /**
   * Waits for one more of the peer's barriers, unless the peer has already
   * placed as many as this side. In that case it resolves immediately and
   * consumes nothing.
   *
   * Mirrors `barrier_sync_next`.
   *
   * @param options A signal that cancels the wait.
   * @returns `true` when a barrier was consumed or the peer has caught up,
   * `false` if either side aborted or hung up.
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
    return this.#observed("syncNext", isTrue, () =>
      this.#wait(
        this.#syncNexts,
        options,
        () => this.#barriers <= 0,
        () => this.#canConsume(),
      ));
  }

  /**
   * Waits until the peer has placed as many barriers as this side, in total. If
   * it already has, this resolves immediately.
   *
   * Mirrors `barrier_sync`.
   *
   * @param options A signal that cancels the wait.
   * @returns `true` when the peer has caught up, `false` if either side aborted
   * or hung up.
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
    return this.#observed("sync", isTrue, () =>
      this.#wait(
        this.#syncs,
        options,
        () => this.#barriers <= 0,
        () => this.#barriers <= this.#arrived.count,
      ));
  }

  /**
   * Places a barrier, and waits until the peer has caught up:
   * {@linkcode Barrier.prototype.place} followed by
   * {@linkcode Barrier.prototype.sync}. If the wait is canceled, the barrier
   * stays placed.
   *
   * Mirrors `barrier_place_and_sync`.
   *
   * @param options A signal that cancels the wait. If it is already aborted, no
   * barrier is placed.
   * @returns `true` when the peer has caught up, `false` if either side aborted
   * or hung up.
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
    const refusal = refused(options?.signal);
    if (refusal) return refusal;
    this.place();
    return this.sync(options);
  }

  /**
   * Waits until the peer aborts or hangs up, whether this side aborted or not.
   * It consumes no barriers.
   *
   * After this call, a hang-up of the peer counts as an abort, and discards
   * barriers that were not consumed. {@linkcode Barrier.prototype.signal} reports
   * a hang-up without that.
   *
   * Mirrors `barrier_wait_abortion`.
   *
   * @param options A signal that cancels the wait.
   * @returns `true` if only the peer aborted, `false` if this side aborted, too,
   * or was destroyed.
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
    return this.#observed("waitAbortion", isTrue, () => {
      const signal = options?.signal;
      const refusal = refused(signal);
      if (refusal) return refusal;
      if (this.#destroyed) return Promise.resolve(false);
      if (this.#end) this.#theyAbort(this.#end);
      if (this.#theyAborted) return Promise.resolve(!this.#iAborted);
      return this.#enqueue(this.#abortions, signal);
    });
  }

  /**
   * Consumes the peer's next barrier, and resolves to its note. Barriers that
   * arrive together are consumed by one call each.
   *
   * Mirrors a read of an eventfd in semaphore mode (`EFD_SEMAPHORE`).
   *
   * @param options A signal that cancels the wait.
   * @returns The note of the barrier, `undefined` if it has none.
   * @throws {BarrierAbortedError} If either side aborted or hung up, so that
   * {@linkcode Barrier.prototype.waitNext} would resolve to `false`. It is the
   * reason of {@linkcode Barrier.prototype.signal}.
   *
   * @example Usage
   * ```ts
   * import { Barrier, BarrierAbortedError } from "@ipc/barrier/barrier";
   * import { assertEquals, assertRejects } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * child.place("one");
   * child.place("two");
   * child.destroy();
   * assertEquals(await parent.receive(), "one");
   * assertEquals(await parent.receive(), "two");
   * await assertRejects(() => parent.receive(), BarrierAbortedError);
   * ```
   */
  async receive(options?: BarrierWaitOptions): Promise<string | undefined> {
    try {
      return await this.#observed("receive", () => true, () => {
        const signal = options?.signal;
        return refused(signal) ??
          new Promise((resolve, reject) => {
            this.#receive(resolve, reject, signal);
          });
      });
    } catch (error) {
      const failure = this.#failure;
      throw failure !== undefined && error === failure
        ? showCaller(failure, Barrier.prototype.receive)
        : error;
    }
  }

  /**
   * Hangs up this side. Barriers already placed are still delivered; then the
   * peer sees a hang-up. Pending and later waits of this side resolve to `false`
   * or reject, and {@linkcode Barrier.prototype.signal} is aborted. Further calls
   * do nothing.
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
    this.#observer?.({ kind: "destroyed" });
    const error = new BarrierAbortedError("Barrier destroyed by this side", {
      kind: "destroyed",
      side: "local",
    });
    this.#failure ??= error;
    this.#abortions.releaseAll(false);
    this.#failWaits();
    this.#channel.close();
    this.#abortSignal();
  }

  /**
   * Calls {@linkcode Barrier.prototype.destroy} at the end of a block.
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
   * Iterates over the peer's barriers, each with its note; `undefined` if a
   * barrier has none. Each step is a {@linkcode Barrier.prototype.receive}, and
   * the iteration ends where that would reject. Barriers that were not consumed
   * by an iteration remain for another one, or for any wait.
   *
   * At most 1 MiB of unconsumed notes is kept. Beyond that, the oldest notes are
   * dropped; their barriers still count.
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
      next: (owner) =>
        this.#observed(
          "next",
          ({ done }) => !done,
          () =>
            new Promise<Step>((resolve) => {
              this.#receive(
                (value) => resolve({ done: false, value }),
                () => resolve(DONE),
                undefined,
                owner,
              );
            }),
        ),
      cancel: (owner) => {
        this.#receives.rejectAll(undefined, owner);
        this.#unrefLater();
      },
    });
  }

  static {
    // Where a console looks; in Deno, and in Node and Bun.
    const properties = {
      "Deno.customInspect"(this: Barrier, inspect: Inspect, options: object) {
        return this.#inspect(inspect, options);
      },
      "nodejs.util.inspect.custom"(
        this: Barrier,
        _depth: number,
        options: object,
        inspect: Inspect,
      ) {
        return this.#inspect(inspect, options);
      },
    };
    for (const [name, value] of Object.entries(properties)) {
      Object.defineProperty(this.prototype, Symbol.for(name), {
        value,
        configurable: true,
        writable: true,
      });
    }
  }

  #inspect(inspect: Inspect, options: object): string {
    const waiting = {
      waitNext: this.#nexts.size,
      syncNext: this.#syncNexts.size,
      sync: this.#syncs.size,
      receive: this.#receives.size,
      waitAbortion: this.#abortions.size,
    };
    const state = {
      role: this.#role,
      ...this.#details?.(),
      placed: this.#placed,
      consumed: this.#consumed,
      arrived: this.#arrived.count,
      waiting: Object.fromEntries(
        Object.entries(waiting).filter(([, count]) => count > 0),
      ),
      ended: (this.#failure ?? this.#end)?.message,
    };
    return `${this.constructor.name} ${inspect(state, options)}`;
  }

  /**
   * Makes a wait, and reports it to the observer. Then the promise is another
   * one, which settles as that of the wait does.
   */
  #observed<T>(
    method: string,
    isMet: (result: T) => boolean,
    wait: () => Promise<T>,
  ): Promise<T> {
    const observer = this.#observer;
    if (observer === undefined) return wait();
    const number = ++this.#waits;
    observer({ kind: "waitBegan", number, method });
    return wait().then(
      (result) => {
        observer({ kind: "waitEnded", number, result: isMet(result) });
        return result;
      },
      (reason) => {
        observer(
          reason instanceof BarrierAbortedError && reason === this.#failure
            ? { kind: "waitEnded", number, result: false }
            : { kind: "waitCanceled", number, reason },
        );
        throw reason;
      },
    );
  }

  /** Consumes one barrier, now or later, by calling one of the functions. */
  #receive(
    resolve: (note: string | undefined) => void,
    reject: (reason: unknown) => void,
    signal?: AbortSignal,
    owner?: object,
  ): void {
    if (this.isAborted || this.#destroyed) return reject(this.#failure);
    this.#serveReleased();
    if (this.#canConsume()) return resolve(this.#consumeOne());
    if (!this.#end) {
      const onCancel = this.#onCancel;
      this.#receives.add(resolve, reject, { signal, onCancel, owner });
      return this.#ref();
    }
    this.#theyAbort(this.#end);
    reject(this.#failure);
  }

  /** Barriers placed, minus peer barriers consumed. */
  get #barriers(): number {
    return this.#start + this.#placed - this.#consumed;
  }

  /**
   * Whether there is something to consume. While a sync is pending there is not:
   * everything that arrives is reserved for it. A sync consumes nothing before
   * it can consume all it needs, so that canceling it loses nothing.
   */
  #canConsume(): boolean {
    return this.#arrived.count > 0 && this.#syncs.size === 0;
  }

  /** Consumes one barrier, like a read in semaphore mode, and returns its note. */
  #consumeOne(): string | undefined {
    this.#consumed++;
    return this.#note = this.#takeOne("consumed");
  }

  /** Consumes everything that has arrived, like a read of an eventfd. */
  #consumeAll(): void {
    if (this.#arrived.count > 0) {
      this.#consumed += this.#arrived.count;
      this.#note = this.#takeAll("consumed");
    }
    this.#nexts.releaseAll(true);
    this.#syncNexts.releaseAll(true);
  }

  #takeOne(kind: "consumed" | "dropped"): string | undefined {
    const note = this.#arrived.takeOne();
    this.#observer?.({ kind, number: this.#arrived.taken, note });
    return note;
  }

  /** Takes everything that has arrived, and returns the newest note. */
  #takeAll(kind: "consumed" | "dropped"): string | undefined {
    if (this.#observer === undefined) return this.#arrived.takeAll();
    let newest: string | undefined;
    while (this.#arrived.count > 0) newest = this.#takeOne(kind) ?? newest;
    return newest;
  }

  /** Serves the pending waits from barriers that have just become available. */
  #serve(available: number): void {
    for (; available > 0 && this.#receives.size > 0; available--) {
      this.#receives.release(this.#consumeOne());
    }
    const synced = this.#syncs.size > 0 &&
      this.#barriers <= this.#arrived.count;
    if (synced || this.#nexts.size > 0 || this.#syncNexts.size > 0) {
      this.#consumeAll();
    }
    if (synced) this.#syncs.releaseAll(true);
    this.#unrefLater();
  }

  /** Serves the pending waits from what a canceled sync had reserved. */
  #serveReleased(): void {
    if (this.#canConsume()) this.#serve(this.#arrived.count);
  }

  /**
   * Waits in a queue.
   *
   * @param isMet Whether the condition of the wait is met without consuming.
   * @param isEnough Whether it is met by consuming everything that has arrived.
   */
  #wait(
    queue: WaitQueue<boolean>,
    options: BarrierWaitOptions | undefined,
    isMet: () => boolean,
    isEnough: () => boolean,
  ): Promise<boolean> {
    const signal = options?.signal;
    const refusal = refused(signal);
    if (refusal) return refusal;
    if (this.isAborted || this.#destroyed) return Promise.resolve(false);
    this.#serveReleased();
    if (isMet()) return Promise.resolve(true);
    if (isEnough()) {
      this.#consumeAll();
      return Promise.resolve(true);
    }
    if (!this.#end) return this.#enqueue(queue, signal);
    this.#theyAbort(this.#end);
    return Promise.resolve(false);
  }

  #enqueue(
    queue: WaitQueue<boolean>,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const result = queue.wait(signal, this.#onCancel);
    this.#ref();
    return result;
  }

  readonly #onCancel = (): void => {
    // Release what this sync had reserved, but only after the same signal has
    // canceled its other waits.
    queueMicrotask(() => {
      this.#serveReleased();
      this.#unrefLater();
    });
  };

  get #waiting(): number {
    return this.#nexts.size + this.#syncNexts.size + this.#syncs.size +
      this.#abortions.size + this.#receives.size;
  }

  /** Keeps the event loop alive for a wait that was added. */
  #ref(): void {
    if (this.#keepsAlive || this.#waiting === 0) return;
    this.#keepsAlive = true;
    this.#channel.ref();
  }

  /**
   * Stops keeping the event loop alive if no wait is pending, but only after the
   * tasks whose waits have just ended could wait again.
   */
  #unrefLater(): void {
    if (!this.#keepsAlive || this.#waiting > 0) return;
    // `receive()` settles one microtask after the wait that it is made of.
    queueMicrotask(() => queueMicrotask(this.#unref));
  }

  readonly #unref = (): void => {
    if (!this.#keepsAlive || this.#waiting > 0) return;
    this.#keepsAlive = false;
    this.#channel.unref();
  };

  /** Ends the pending waits that consume, after `#failure` was set. */
  #failWaits(): void {
    this.#nexts.releaseAll(false);
    this.#syncNexts.releaseAll(false);
    this.#syncs.releaseAll(false);
    this.#receives.rejectAll(this.#failure);
    this.#unrefLater();
  }

  #iAbort(reason: string | undefined, error: BarrierAbortedError): void {
    this.#iAborted = true;
    this.#failure ??= error;
    this.#observer?.({ kind: "aborted", reason });
    this.#takeAll("dropped");
    this.#channel.send(encodeAbort(reason));
    this.#failWaits();
    this.#abortSignal();
  }

  #theyAbort(error: BarrierAbortedError): void {
    this.#theyAborted = true;
    this.#failure ??= error;
    this.#takeAll("dropped");
    this.#abortions.releaseAll(!this.#iAborted);
    this.#failWaits();
    this.#abortSignal();
  }

  #abortSignal(): void {
    if (!this.#failsSoon) this.#controller?.abort(this.#failure);
  }

  /**
   * Aborts the signal after what is being read, but before a wait that ends
   * continues.
   *
   * If a listener throws within a read of a socket, Deno ends the program with
   * "Uncaught null" in place of the error (2.9). Remove when Deno reports the error.
   */
  #failSoon(): void {
    this.#failsSoon = true;
    queueMicrotask(() => this.#controller?.abort(this.#failure));
  }

  #receiveMessages(
    read: (onMessage: (message: Message) => boolean) => void,
  ): void {
    if (this.#theyAborted || this.#destroyed) return;
    this.#serveReleased();
    const before = this.#arrived.count;
    read(this.#onMessage);
    const arrived = this.#arrived.count - before;
    if (this.#iAborted) this.#takeAll("dropped");
    else if (arrived > 0) this.#serve(arrived);
  }

  readonly #onMessage = (message: Message): boolean => {
    switch (message.kind) {
      case "barrier":
        this.#arrived.add(message.note);
        this.#observer?.({
          kind: "arrived",
          number: this.#arrived.taken + this.#arrived.count,
          note: message.note,
        });
        return true;
      case "abort": {
        const { reason } = message;
        this.#observer?.({ kind: "peerAborted", reason });
        const text = withReason("Barrier aborted by the peer", reason);
        this.#failSoon();
        this.#theyAbort(
          new BarrierAbortedError(text, {
            kind: "aborted",
            side: "peer",
            reason,
          }),
        );
        return false;
      }
      case "violation": {
        // There is no way to recover from it, so both sides abort.
        const error = new BarrierAbortedError(message.why, {
          kind: "violation",
          side: "peer",
        });
        this.#failSoon();
        if (!this.#iAborted) this.#iAbort(message.why, error);
        this.#theyAbort(error);
        return false;
      }
    }
  };

  #endArrivals(
    kind: "peerClosed" | "peerHungUp",
    error = new BarrierAbortedError(HUNG_UP, { kind: "closed", side: "peer" }),
  ): BarrierAbortedError {
    this.#observer?.({ kind, error });
    this.#end = error;
    this.#serveReleased();
    if (this.#waiting > 0) this.#theyAbort(error);
    return error;
  }
}

/** What a hang-up is called of which nothing more is known. */
const HUNG_UP = "Peer hung up: it exited or destroyed its barrier";

type Inspect = (value: unknown, options?: object) => string;

function isTrue(value: boolean): boolean {
  return value;
}

/** The cause of an abort: the one that was given, or the reason. */
function causeOf(reason: unknown, options?: ErrorOptions): ErrorOptions {
  try {
    if (options && "cause" in options) return { cause: options.cause };
  } catch {
    // Then the reason is all there is.
  }
  return reason === undefined ? {} : { cause: reason };
}

function withReason(message: string, reason = ""): string {
  return reason === "" ? message : `${message}: ${reason}`;
}
