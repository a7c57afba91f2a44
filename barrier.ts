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
 * way ("I am ready", {@linkcode Barrier.waitNext}) and both ways ("we have both
 * come this far", {@linkcode Barrier.sync}).
 *
 * A wait never hangs on a side that will not come:
 *
 * - Either side can abort. An abortion cannot be undone, and it supersedes: on
 *   both sides it cancels every barrier that was placed and not yet taken, and
 *   every wait, present and later, gives `false` at once. Only
 *   {@linkcode Barrier.waitAbortion} goes on, until the other side has aborted
 *   too.
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
 *
 * parent.place();
 * child.place();
 *
 * assert(await parent.sync());
 * assert(await child.sync());
 * ```
 *
 * @module
 */

/** The longest line, in bytes and without its newline, that a peer may send. */
const LINE_MAX = 4096;
const NEWLINE = 0x0a;
const BARRIER = Uint8Array.of(NEWLINE);

/** Which side of a {@linkcode Barrier} this is. The rules of both are the same. */
export type BarrierRole = "parent" | "child";

/** Options for the waits of a {@linkcode Barrier}. */
export interface BarrierWaitOptions {
  /**
   * Cancels the wait: it rejects with the signal's reason, and the barrier is as
   * if the wait had never been called. `AbortSignal.timeout(ms)` makes a
   * timeout, in milliseconds.
   */
  signal?: AbortSignal;
}

/** Options for {@linkcode BarrierAbortedError}. */
export interface BarrierAbortedErrorOptions extends ErrorOptions {
  /** Whose doing it was. */
  side: "local" | "peer";
  /** How the child process at the other end exited, where that is known. */
  status?: Deno.CommandStatus | undefined;
}

/**
 * Why a {@linkcode Barrier} cannot go on: one side aborted it, the peer is gone,
 * or the peer broke the protocol. It is the reason of
 * {@linkcode Barrier.signal}.
 *
 * @example Usage
 * ```ts
 * import { Barrier, BarrierAbortedError } from "@ipc/barrier/barrier";
 * import { assertEquals, assertInstanceOf } from "@std/assert";
 *
 * const [parent, child] = Barrier.pair();
 * child.abort("disk full");
 * await parent.waitAbortion();
 *
 * const { reason } = parent.signal;
 * assertInstanceOf(reason, BarrierAbortedError);
 * assertEquals(reason.side, "peer");
 * assertEquals(reason.message, "Barrier aborted by the peer: disk full");
 * ```
 */
export class BarrierAbortedError extends Error {
  /** Whose doing it was: this side's, or the peer's. */
  readonly side: "local" | "peer";
  /**
   * How the child process at the other end exited; `undefined` where the peer
   * is no child process, or did not exit.
   */
  readonly status: Deno.CommandStatus | undefined;

  /**
   * Constructs a new instance.
   *
   * @param message What happened.
   * @param options Whose doing it was, and how the peer exited.
   */
  constructor(message: string, options: BarrierAbortedErrorOptions) {
    super(message, options);
    this.name = "BarrierAbortedError";
    this.side = options.side;
    this.status = options.status;
  }
}

/** What a {@linkcode BarrierChannel} tells the barrier that stands on it. */
export interface BarrierReceiver {
  /**
   * Bytes have arrived from the peer, in the order in which it sent them.
   *
   * @param bytes The bytes. They are not kept.
   */
  receive(bytes: Uint8Array): void;
  /**
   * The peer is gone, and all that it had sent has been received.
   *
   * @param error What is known of it; becomes the reason of
   * {@linkcode Barrier.signal}.
   */
  hangUp(error?: BarrierAbortedError): void;
}

/**
 * What carries a barrier's bytes. The channels of this module are made by
 * {@linkcode Barrier.pair}, `spawnWithBarrier` and `inheritBarrier`; implement
 * this to put a barrier on something else.
 */
export interface BarrierChannel {
  /**
   * Whether a line of unknown text is a barrier with that text as its note, and
   * not a violation of the protocol. Many daemons announce that they are ready
   * with a line of text on a file descriptor.
   */
  readonly acceptsText?: boolean;
  /**
   * Starts the delivery of what arrives. The channel does not keep the event
   * loop alive until {@linkcode BarrierChannel.ref} is called.
   *
   * @param receiver The barrier to deliver to, never before this call returned.
   */
  open(receiver: BarrierReceiver): void;
  /**
   * Sends bytes to the peer. It never blocks and never throws: a peer that
   * is gone takes no bytes, and is reported by
   * {@linkcode BarrierReceiver.hangUp}, after this call returned.
   *
   * @param bytes The bytes to send. They are not changed afterwards, and must
   * not be changed or transferred by the channel.
   */
  send(bytes: Uint8Array): void;
  /** Hangs up, behind what was sent. Nothing is delivered any more. */
  close(): void;
  /** A wait is pending: from now on the channel keeps the event loop alive. */
  ref(): void;
  /** No wait is pending: the channel does not keep the event loop alive. */
  unref(): void;
  /**
   * The barrier's signal was asked for: what arrives is to be delivered from
   * now on even while no wait is pending. Channels that always do so leave it
   * out.
   */
  watch?(): void;
}

/** Options for the constructor of {@linkcode Barrier}. */
export interface BarrierOptions {
  /**
   * Which side this is.
   *
   * @default {"parent"}
   */
  role?: BarrierRole;
  /**
   * The counter to start from: barriers that were placed here and not yet
   * matched by the peer's, before this object took over.
   *
   * @default {0}
   */
  barriers?: number;
}

/**
 * A pair of byte streams that carries a barrier: a `Deno.Conn`, what
 * `WebSocketStream.opened` gives, a child's own pipes.
 */
export interface BarrierStreams {
  /** What the peer sends: bytes, or text. */
  readonly readable: ReadableStream<Uint8Array | ArrayBuffer | string>;
  /** What goes to the peer. */
  readonly writable: WritableStream<Uint8Array<ArrayBuffer>>;
  /**
   * Writes some of the bytes, and tells how many. A `Deno.Conn` is written to
   * with this, as its `writable` closes both directions when a write fails, and
   * what had arrived before is lost.
   */
  write?(bytes: Uint8Array): Promise<number>;
  /** Sends the end of the stream, and leaves the other direction open. */
  closeWrite?(): Promise<void>;
  /** Closes both directions. */
  close?(): void;
  /** Lets the streams keep the event loop alive. */
  ref?(): void;
  /** Lets the streams not keep the event loop alive. */
  unref?(): void;
}

/**
 * What messages can be sent through: a `MessagePort`, a `Worker`, or a worker's
 * own global scope.
 */
export interface BarrierPort {
  /** Sends a message to the other end. */
  postMessage(message: unknown): void;
  /** Starts to listen. */
  addEventListener(
    type: string,
    listener: (event: MessageEvent) => void,
  ): void;
  /** Stops to listen. */
  removeEventListener(
    type: string,
    listener: (event: MessageEvent) => void,
  ): void;
}

/** Ends a pending wait with its result. */
type Waiter = (result: boolean) => void;

/**
 * One side of a barrier. See the [module documentation](..) for the idea.
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
 *
 * child.place();
 * child.destroy();
 *
 * assert(await parent.waitNext()); // what was placed still arrives
 * assertFalse(await parent.waitNext()); // and nothing more will
 * ```
 */
export class Barrier implements Disposable {
  readonly #channel: BarrierChannel;
  readonly #role: BarrierRole;

  /** What we placed, less what we took of theirs. */
  #barriers: number;
  /** What has arrived from the peer, and no wait has taken yet. */
  #pending = 0;
  /** The newest note that has arrived, and the newest that was taken. */
  #pendingNote: string | undefined;
  #note: string | undefined;

  #iAborted = false;
  #theyAborted = false;
  #hungUp = false;
  #destroyed = false;

  readonly #nexts = new Set<Waiter>();
  readonly #syncs = new Set<Waiter>();
  readonly #abortions = new Set<Waiter>();

  #failure: BarrierAbortedError | undefined;
  #controller: AbortController | undefined;

  /** The beginning of a line whose end has not arrived yet. */
  #line: Uint8Array | undefined;
  #lineLength = 0;

  /**
   * Puts one side of a barrier on a channel. The peer is the barrier, or the
   * program, at the channel's other end.
   *
   * Mirrors `barrier_create` and `barrier_set_role`.
   *
   * @param channel What carries the bytes. It belongs to the barrier from now on.
   * @param options The role, and the counter to start from.
   * @throws {RangeError} If `options.barriers` is not a safe integer.
   */
  constructor(channel: BarrierChannel, options: BarrierOptions = {}) {
    const { role = "parent", barriers = 0 } = options;
    if (!Number.isSafeInteger(barriers)) {
      throw new RangeError(
        `Cannot create a barrier as 'barriers' must be a safe integer: received ${barriers}`,
      );
    }
    this.#channel = channel;
    this.#role = role;
    this.#barriers = barriers;
    channel.open({
      receive: (bytes) => this.#receive(bytes),
      hangUp: (error) => this.#hangUp(error),
    });
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
    const near = new PairedChannel();
    const far = new PairedChannel();
    near.peer = far;
    far.peer = near;
    return [
      new Barrier(near, { role: "parent" }),
      new Barrier(far, { role: "child" }),
    ];
  }

  /**
   * Puts one side of a barrier on streams or on messages. The other side does
   * the same with the other end.
   *
   * - Streams belong to the barrier from now on. If they have an `unref` method
   *   it is used, otherwise they keep the event loop alive until the peer hangs
   *   up or {@linkcode Barrier.destroy} is called. What was placed just before
   *   `Deno.exit` may be lost.
   * - A port keeps the event loop alive until the peer hangs up or the barrier
   *   is destroyed; a worker until it is terminated or closes itself. That it
   *   did, or that a port was closed at its other end, shows nowhere: whoever
   *   does that calls {@linkcode Barrier.destroy} on its own side. An error that
   *   ends a worker is a hang-up, and does not end this program.
   * - Put a barrier on a worker, and on its global scope, before anything is
   *   awaited: what arrives where nobody listens is lost.
   *
   * @param transport The streams, or the port.
   * @param role Which side this is.
   * @returns The barrier.
   * @throws {TypeError} If `transport` is neither streams nor a port, or its
   * streams are locked.
   *
   * @example Over a connection
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert } from "@std/assert";
   *
   * const there = new TransformStream<Uint8Array<ArrayBuffer>>();
   * const back = new TransformStream<Uint8Array<ArrayBuffer>>();
   * using parent = Barrier.over({
   *   readable: back.readable,
   *   writable: there.writable,
   * });
   * using child = Barrier.over({
   *   readable: there.readable,
   *   writable: back.writable,
   * }, "child");
   *
   * child.place();
   * assert(await parent.waitNext());
   * ```
   *
   * @example Over a message channel
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert } from "@std/assert";
   *
   * const { port1, port2 } = new MessageChannel();
   * using parent = Barrier.over(port1, "parent");
   * using child = Barrier.over(port2, "child");
   *
   * child.place();
   * assert(await parent.waitNext());
   * ```
   */
  static over(
    transport: BarrierStreams | BarrierPort,
    role: BarrierRole = "parent",
  ): Barrier {
    const channel = isPort(transport)
      ? new PortChannel(transport)
      : new StreamChannel(transport);
    return new Barrier(channel, { role });
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
   * @returns `true` once {@linkcode Barrier.abort} was called here, or the peer
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
   * @returns `true` once {@linkcode Barrier.iAborted} and
   * {@linkcode Barrier.theyAborted} are.
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
   * @returns `true` once {@linkcode Barrier.iAborted} or
   * {@linkcode Barrier.theyAborted} is.
   *
   * @example Usage
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert, assertFalse } from "@std/assert";
   *
   * const [parent] = Barrier.pair();
   * assertFalse(parent.isAborted);
   * parent.abort();
   * assert(parent.isAborted);
   * ```
   */
  get isAborted(): boolean {
    return this.#iAborted || this.#theyAborted;
  }

  /**
   * The notice that the barrier cannot go on: aborted as soon as either side
   * aborted or the peer hung up, with a {@linkcode BarrierAbortedError} as its
   * reason. A hang-up shows here at once, while barriers that arrived before it
   * can still be waited for.
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
      else if (!this.#destroyed) this.#channel.watch?.();
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
   * reads it from {@linkcode Barrier.note}: at most 4,095 bytes of UTF-8
   * without control characters.
   * @returns `true` if the barrier was placed, `false` if either side aborted.
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
    const line = note === undefined ? BARRIER : encodeLine("+", note, "note");
    if (this.isAborted || this.#destroyed) return false;
    this.#channel.send(line);
    this.#barriers++;
    return true;
  }

  /**
   * Aborts the barrier, for good. The peer is told, and every pending and
   * later wait on this side but {@linkcode Barrier.waitAbortion} gives `false`.
   * Further calls do nothing.
   *
   * Mirrors `barrier_abort`.
   *
   * @param reason One line of text for the peer, which finds it in the message
   * of its {@linkcode BarrierAbortedError}: at most 4,090 bytes of UTF-8
   * without control characters.
   * @returns `false` if the peer aborted already, `true` otherwise.
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
   * assertFalse(parent.abort());
   * ```
   */
  abort(reason?: string): boolean {
    const line = reason === undefined
      ? encode("abort\n")
      : encodeLine("abort ", reason, "reason");
    if (this.#destroyed) return false;
    if (!this.#iAborted) {
      this.#iAborted = true;
      this.#channel.send(line);
      this.#end(this.#nexts, false);
      this.#end(this.#syncs, false);
      this.#fail(
        new BarrierAbortedError(
          withReason("Barrier aborted by this side", reason),
          { side: "local" },
        ),
      );
    }
    return !this.#theyAborted;
  }

  /**
   * Waits until the peer places its next barrier, whatever was placed here. One
   * call takes all that has arrived.
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
    if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
    if (this.isAborted || this.#destroyed) return Promise.resolve(false);
    if (this.#canTake()) {
      this.#take();
      return Promise.resolve(true);
    }
    return this.#wait(this.#nexts, options?.signal);
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
    if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
    if (this.isAborted || this.#destroyed) return Promise.resolve(false);
    if (this.#barriers <= 0) return Promise.resolve(true);
    if (this.#canTake()) {
      this.#take();
      return Promise.resolve(true);
    }
    return this.#wait(this.#nexts, options?.signal);
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
   *
   * @example With a timeout
   * ```ts
   * import { Barrier } from "@ipc/barrier/barrier";
   * import { assert, assertRejects } from "@std/assert";
   *
   * const [parent, child] = Barrier.pair();
   * parent.place();
   * await assertRejects(
   *   () => parent.sync({ signal: AbortSignal.timeout(1) }),
   *   DOMException,
   * );
   *
   * child.place();
   * assert(await parent.sync()); // nothing was lost
   * ```
   */
  sync(options?: BarrierWaitOptions): Promise<boolean> {
    if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
    if (this.isAborted || this.#destroyed) return Promise.resolve(false);
    if (this.#nexts.size > 0 && this.#canTake()) this.#take(); // they came first
    if (this.#barriers <= 0) return Promise.resolve(true);
    if (this.#barriers <= this.#pending) {
      this.#take();
      return Promise.resolve(true);
    }
    return this.#wait(this.#syncs, options?.signal);
  }

  /**
   * Places a barrier, and waits until the peer has caught up:
   * {@linkcode Barrier.place} followed by {@linkcode Barrier.sync}. Cancelling
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
   * const both = await Promise.all([
   *   parent.placeAndSync(),
   *   child.placeAndSync(),
   * ]);
   * assertEquals(both, [true, true]);
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
   * had arrived and was not taken is void; {@linkcode Barrier.signal} tells of a
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
    if (this.#theyAborted) return Promise.resolve(!this.#iAborted);
    return this.#wait(this.#abortions, options?.signal);
  }

  /**
   * Hangs up. What was placed still arrives, and behind it the peer sees that
   * this side is gone. Pending waits give `false`, and so does every later
   * call. Further calls do nothing.
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
    this.#destroyed = true;
    this.#end(this.#nexts, false);
    this.#end(this.#syncs, false);
    this.#end(this.#abortions, false);
    this.#channel.close();
  }

  /**
   * Does what {@linkcode Barrier.destroy} does, at the end of a block.
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
   * Whether there is something to take. While a sync is pending there is not:
   * all that arrives is spoken for. A sync takes nothing before it can have all
   * it needs, so that one that is cancelled has nothing to give back.
   */
  #canTake(): boolean {
    return this.#pending > 0 && this.#syncs.size === 0;
  }

  /**
   * Takes all that has arrived, as one read of an eventfd does. Whoever waits
   * for the next barrier has it.
   */
  #take(): void {
    this.#barriers -= this.#pending;
    this.#pending = 0;
    this.#note = this.#pendingNote;
    this.#end(this.#nexts, true);
  }

  /** Takes what has arrived, if a pending wait wants it, and serves the waits. */
  #serve(): void {
    const syncs = this.#syncs.size > 0 && this.#barriers <= this.#pending;
    if (!syncs && this.#nexts.size === 0) return;
    this.#take();
    if (syncs) this.#end(this.#syncs, true);
  }

  #wait(queue: Set<Waiter>, signal?: AbortSignal): Promise<boolean> {
    if (this.#hungUp) {
      this.#theyAbort();
      return Promise.resolve(queue === this.#abortions && !this.#iAborted);
    }
    return new Promise((resolve, reject) => {
      let waiter: Waiter = resolve;
      if (signal !== undefined) {
        const cancel = () => {
          queue.delete(waiter);
          if (this.#waiting() === 0) this.#channel.unref();
          // What the last sync had spoken for is there for the others, but not
          // for those that the same signal cancels after this one.
          queueMicrotask(() => {
            if (this.#canTake()) this.#serve();
          });
          reject(signal.reason);
        };
        waiter = (result) => {
          signal.removeEventListener("abort", cancel);
          resolve(result);
        };
        signal.addEventListener("abort", cancel, { once: true });
      }
      if (this.#waiting() === 0) this.#channel.ref();
      queue.add(waiter);
    });
  }

  #waiting(): number {
    return this.#nexts.size + this.#syncs.size + this.#abortions.size;
  }

  #end(queue: Set<Waiter>, result: boolean): void {
    if (queue.size === 0) return;
    for (const waiter of queue) waiter(result);
    queue.clear();
    if (this.#waiting() === 0) this.#channel.unref();
  }

  #theyAbort(): void {
    this.#theyAborted = true;
    this.#end(this.#nexts, false);
    this.#end(this.#syncs, false);
    this.#end(this.#abortions, !this.#iAborted);
  }

  #fail(error: BarrierAbortedError): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#controller?.abort(error);
  }

  #hangUp(error?: BarrierAbortedError): void {
    if (this.#destroyed) return;
    this.#hungUp = true;
    // What a cancelled sync has just set free is taken before the hang-up counts.
    if (this.#canTake()) this.#serve();
    if (this.#waiting() > 0) this.#theyAbort();
    this.#fail(
      error ??
        new BarrierAbortedError("Peer hung up before it reached the barrier", {
          side: "peer",
        }),
    );
  }

  #receive(bytes: Uint8Array): void {
    const before = this.#pending;
    let start = 0;
    while (
      start < bytes.length && !this.#theyAborted && !this.#destroyed
    ) {
      if (bytes[start] === NEWLINE && this.#lineLength === 0) {
        this.#pending++;
        start++;
        continue;
      }
      const newline = bytes.indexOf(NEWLINE, start);
      const end = newline < 0 ? bytes.length : newline;
      const line = this.#appendLine(bytes.subarray(start, end));
      if (newline >= 0 && line) this.#readLine(line);
      start = end + 1;
    }
    if (this.#pending > before) this.#serve();
  }

  /** Adds to the unfinished line, and returns it as far as it has come. */
  #appendLine(bytes: Uint8Array): Uint8Array | undefined {
    this.#line ??= new Uint8Array(LINE_MAX);
    const length = this.#lineLength + bytes.length;
    const room = LINE_MAX - this.#lineLength;
    this.#line.set(bytes.subarray(0, room), this.#lineLength);
    if (length > LINE_MAX) {
      this.#violation(this.#line, `it is over ${LINE_MAX} bytes`);
      return;
    }
    this.#lineLength = length;
    return this.#line.subarray(0, length);
  }

  #readLine(line: Uint8Array): void {
    this.#lineLength = 0;
    let text: string;
    try {
      text = decode(line);
    } catch {
      return this.#violation(line, "it is not UTF-8");
    }
    if (hasControl(text)) {
      return this.#violation(line, "it has control characters");
    }
    if (text === "abort" || text.startsWith("abort ")) {
      this.#theyAbort();
      this.#fail(
        new BarrierAbortedError(
          withReason("Barrier aborted by the peer", text.slice(6)),
          { side: "peer" },
        ),
      );
    } else if (text.startsWith("+")) {
      this.#arrive(text.slice(1));
    } else if (this.#channel.acceptsText) {
      this.#arrive(text);
    } else {
      this.#violation(
        line,
        "it is no barrier and no abortion, a program whose stdout is the channel must print to stderr",
      );
    }
  }

  #arrive(note: string): void {
    this.#pending++;
    this.#pendingNote = note;
  }

  /**
   * The peer sent what is not the protocol. There is no way to recover from
   * that, so both sides abort.
   */
  #violation(line: Uint8Array, why: string): void {
    const message = `Cannot read ${quote(line)} from the peer: ${why}`;
    if (!this.#iAborted) {
      this.#iAborted = true;
      this.#channel.send(encodeLine("abort ", message, "reason"));
    }
    this.#theyAbort();
    this.#fail(new BarrierAbortedError(message, { side: "peer" }));
  }
}

/** One end of {@linkcode Barrier.pair}. */
class PairedChannel implements BarrierChannel {
  peer: PairedChannel | undefined;
  receiver: BarrierReceiver | undefined;

  open(receiver: BarrierReceiver): void {
    this.receiver = receiver;
  }

  send(bytes: Uint8Array): void {
    queueMicrotask(() => this.peer?.receiver?.receive(bytes));
  }

  close(): void {
    this.receiver = undefined;
    queueMicrotask(() => this.peer?.receiver?.hangUp());
  }

  ref(): void {}

  unref(): void {}
}

function isPort(transport: unknown): transport is BarrierPort {
  return typeof transport === "object" && transport !== null &&
    "postMessage" in transport && "addEventListener" in transport;
}

/** A channel over a pair of streams. */
class StreamChannel implements BarrierChannel {
  readonly #streams: BarrierStreams;
  readonly #reader: ReadableStreamDefaultReader<
    Uint8Array | ArrayBuffer | string
  >;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #receiver: BarrierReceiver | undefined;
  #written: Promise<void> = Promise.resolve();

  constructor(streams: BarrierStreams) {
    const { readable, writable } = Object(streams) as Partial<BarrierStreams>;
    if (
      !(readable instanceof ReadableStream) ||
      !(writable instanceof WritableStream)
    ) {
      throw new TypeError(
        "Cannot put a barrier on this: expected a port, or a readable and a writable stream",
      );
    }
    if (readable.locked || writable.locked) {
      throw new TypeError(
        "Cannot put a barrier on streams that are locked: they have a reader or a writer already",
      );
    }
    this.#streams = streams;
    this.#reader = readable.getReader();
    this.#writer = (streams.write ? unbuffered(streams) : writable).getWriter();
  }

  open(receiver: BarrierReceiver): void {
    this.#receiver = receiver;
    this.unref();
    this.#read();
  }

  send(bytes: Uint8Array): void {
    this.#written = this.#writer.write(new Uint8Array(bytes));
    this.#written.catch(() => {});
  }

  close(): void {
    this.#receiver = undefined;
    this.#end();
  }

  ref(): void {
    this.#streams.ref?.();
  }

  unref(): void {
    this.#streams.unref?.();
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) break;
        this.#receiver?.receive(toBytes(value));
      }
    } catch {
      // A stream that breaks has ended.
    }
    this.#receiver?.hangUp();
    this.#receiver = undefined;
    await this.#end();
    await this.#attempt(() => this.#streams.close?.());
  }

  /**
   * Sends the end, behind what was sent. A connection is then read to the end of
   * the peer's stream: closed earlier, it might take back what is on its way.
   */
  async #end(): Promise<void> {
    await this.#attempt(() => this.#written);
    if (this.#streams.closeWrite) {
      await this.#attempt(() => this.#streams.closeWrite?.());
    } else {
      await this.#attempt(() => this.#writer.close());
      await this.#attempt(() => this.#reader.cancel());
    }
  }

  /** Tries what fails when the peer, or the user, has closed the streams. */
  async #attempt(step: () => Promise<void> | void): Promise<void> {
    try {
      await step();
    } catch {
      // There is nothing left to close.
    }
  }
}

function unbuffered(
  streams: BarrierStreams,
): WritableStream<Uint8Array<ArrayBuffer>> {
  return new WritableStream({
    async write(bytes) {
      for (let n = 0; n < bytes.length;) {
        n += await streams.write!(bytes.subarray(n));
      }
    },
  });
}

/** A channel over messages. A message that is `null` is the end. */
class PortChannel implements BarrierChannel {
  readonly #port: BarrierPort;
  #receiver: BarrierReceiver | undefined;
  #messages = 0;

  constructor(port: BarrierPort) {
    this.#port = port;
  }

  open(receiver: BarrierReceiver): void {
    this.#receiver = receiver;
    this.#port.addEventListener("message", this.#onMessage);
    if (this.#port instanceof MessagePort) this.#port.start();
    if (this.#port instanceof Worker) {
      this.#port.addEventListener("error", this.#onError);
    }
  }

  send(bytes: Uint8Array): void {
    // There may be another barrier on the port by now.
    if (this.#receiver) this.#port.postMessage(bytes);
  }

  close(): void {
    if (this.#receiver) this.#port.postMessage(null);
    this.#stop();
    if (this.#port instanceof Worker) {
      this.#port.removeEventListener("error", this.#onError);
    }
  }

  ref(): void {}

  unref(): void {}

  readonly #onMessage = ({ data }: MessageEvent): void => {
    this.#messages++;
    if (data === null) this.#hangUp();
    else this.#receiver?.receive(toBytes(data));
  };

  /**
   * The worker is gone, maybe after it hung up. Deno has printed the error, and
   * would end this program as well. Its messages come another way than its
   * errors, one a turn of the event loop: those it had sent are here once a turn
   * or two brought none.
   */
  readonly #onError = async (event: ErrorEvent): Promise<void> => {
    event.preventDefault();
    const error = new BarrierAbortedError(
      `Worker failed before it reached the barrier: ${event.message}`,
      { side: "peer" },
    );
    for (let quiet = 0; quiet < 2;) {
      const before = this.#messages;
      await new Promise((resolve) => setTimeout(resolve));
      quiet = this.#messages === before ? quiet + 1 : 0;
    }
    this.#hangUp(error);
  };

  #hangUp(error?: BarrierAbortedError): void {
    const receiver = this.#receiver;
    this.#stop(); // before the barrier may react with a call
    receiver?.hangUp(error);
  }

  #stop(): void {
    this.#receiver = undefined;
    this.#port.removeEventListener("message", this.#onMessage);
    if (this.#port instanceof MessagePort) this.#port.close();
  }
}

/** Makes bytes of what a stream or a port brings; of a stranger's, any. */
function toBytes(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (typeof data === "string") return encode(data);
  return encode(`${Object.prototype.toString.call(data)}\n`);
}

function encodeLine(
  prefix: string,
  text: string,
  what: "note" | "reason",
): Uint8Array {
  if (typeof text !== "string") {
    throw new TypeError(
      `Cannot send ${what}: expected a string, received ${typeof text}`,
    );
  }
  if (hasControl(text) || !text.isWellFormed()) {
    throw new TypeError(
      `Cannot send ${what} ${
        quote(encode(text))
      }: expected one line of text without control characters`,
    );
  }
  const line = encode(`${prefix}${text}\n`);
  if (line.length - 1 > LINE_MAX) {
    const size = line.length - 1 - prefix.length;
    const room = LINE_MAX - prefix.length;
    throw new RangeError(
      `Cannot send ${what} of ${size} bytes: it must fit ${room} bytes`,
    );
  }
  return line;
}

function withReason(message: string, reason: string | undefined): string {
  return reason ? `${message}: ${reason}` : message;
}

/** Shows bytes in an error message: cut short, and with nothing unprintable. */
function quote(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, 64);
  const more = bytes.length > shown.length ? "..." : "";
  let text = "";
  for (const byte of shown) {
    const char = String.fromCharCode(byte);
    if (char === '"' || char === "\\") text += `\\${char}`;
    else if (byte >= 0x20 && byte < 0x7f) text += char;
    else text += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `"${text}${more}"`;
}

/*
 * The coders are no constants of the module: making them is a good part of what
 * a child takes to import it, and few children ever send or receive text.
 */
let encoder: TextEncoder | undefined;
let decoder: TextDecoder | undefined;

function encode(text: string): Uint8Array {
  encoder ??= new TextEncoder();
  return encoder.encode(text);
}

/** @throws {TypeError} If the bytes are not UTF-8. */
function decode(bytes: Uint8Array): string {
  decoder ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return decoder.decode(bytes);
}

/** The expression is not a constant, as making it takes a child a millisecond. */
function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
