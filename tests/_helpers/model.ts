// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * The rules of a barrier, as short as they can be written: what one side does
 * and shows, given its calls and what arrives from its peer. It is compared with
 * the real one after every step.
 *
 * @module
 */

import { type Barrier, BarrierAbortedError } from "../../barrier.ts";
import { HUNG_UP, watch } from "./barriers.ts";

/** A wait; "step" is one step of an iteration. */
export type WaitCall =
  | "waitNext"
  | "syncNext"
  | "sync"
  | "waitAbortion"
  | "receive"
  | "step";

/** What one side sends, and the other finds on its channel. */
export type Message = { note: string | undefined } | "abortion" | "hangUp";

/** Something that happens to one side. */
export type Event =
  | { call: WaitCall | "abort" | "destroy" }
  | { call: "place"; note?: string | undefined }
  | { call: "cancel"; wait: number }
  | { arrived: Message[] };

/** A wait that was called, and what has become of it. */
interface Wait {
  call: WaitCall;
  outcome: unknown;
}

/** Waits that take, and so end when either side aborts. */
const TAKERS: WaitCall[] = [
  "waitNext",
  "syncNext",
  "sync",
  "receive",
  "step",
];

/** Waits that take one barrier each. */
const SINGLE: WaitCall[] = ["receive", "step"];

/** What neither takes barriers nor voids them. */
const TAKES_NOTHING: string[] = ["cancel", "place", "waitAbortion"];

/** One side of a barrier. */
export class Model {
  barriers: number;
  /** The notes of the barriers that have arrived and were not taken. */
  arrived: (string | undefined)[] = [];
  note: string | undefined;
  iAborted = false;
  theyAborted = false;
  hungUp = false;
  destroyed = false;
  /** Why the signal is aborted, which is what came first. */
  failure: string | undefined;
  waits: Wait[] = [];
  sent: Message[] = [];

  /** @param barriers How many were placed before. */
  constructor(barriers = 0) {
    this.barriers = barriers;
  }

  clone(): Model {
    const clone = Object.assign(new Model(), this);
    clone.arrived = [...this.arrived];
    clone.waits = this.waits.map((wait) => ({ ...wait }));
    clone.sent = [...this.sent];
    return clone;
  }

  /** What of it can be seen from outside. */
  get state(): string {
    this.#serveReleased();
    return show(this, this.failure, this.waits);
  }

  get isOver(): boolean {
    return this.iAborted || this.theyAborted || this.destroyed;
  }

  /** Whether a wait keeps the process alive. */
  get isWaiting(): boolean {
    this.#serveReleased();
    return this.waits.some(({ outcome }) => outcome === PENDING);
  }

  /** Lets something happen, and returns what a call returns. */
  apply(event: Event): boolean | void {
    if ("arrived" in event || !TAKES_NOTHING.includes(event.call)) {
      this.#serveReleased();
    }
    if ("arrived" in event) return this.#arrive(event.arrived);
    switch (event.call) {
      case "place":
        if (this.isOver) return false;
        this.barriers++;
        this.sent.push({ note: event.note });
        return true;
      case "abort":
        if (this.destroyed) return false;
        if (!this.iAborted) {
          this.iAborted = true;
          this.sent.push("abortion");
          this.#fail("Barrier aborted by this side", ...TAKERS);
        }
        return !this.theyAborted;
      case "destroy":
        if (this.destroyed) return;
        this.destroyed = true;
        this.sent.push("hangUp");
        this.#fail("Barrier destroyed by this side", ...TAKERS, "waitAbortion");
        return;
      case "cancel":
        return this.#cancel(event.wait);
      default: {
        const wait: Wait = { call: event.call, outcome: PENDING };
        wait.outcome = this.#wait(event.call);
        this.waits.push(wait);
      }
    }
  }

  /** What arrives together; an abort voids what stands before it. */
  #arrive(messages: Message[]): void {
    if (this.theyAborted || this.destroyed) return;
    if (messages.includes("abortion")) {
      return this.#theyAbort("Barrier aborted by the peer");
    }
    const notes = messages.filter((message) => typeof message === "object")
      .map(({ note }) => note);
    this.arrived.push(...notes);
    this.#serve(notes.length);
    if (!messages.includes("hangUp")) return;
    this.hungUp = true;
    this.failure ??= HUNG_UP;
    if (this.isWaiting) this.#theyAbort(HUNG_UP);
  }

  #wait(call: WaitCall): unknown {
    if (call === "waitAbortion") {
      if (this.destroyed) return false;
      if (this.hungUp) this.#theyAbort(HUNG_UP);
      return this.theyAborted ? !this.iAborted : PENDING;
    }
    if (this.isOver) return this.#failed(call);
    if (call.startsWith("sync") && this.barriers <= 0) return true;
    if (call === "sync") {
      if (this.barriers <= this.arrived.length) return this.#takeAll();
    } else if (this.arrived.length > 0 && !this.#has("sync")) {
      // What arrives while a sync is pending is reserved for it.
      return SINGLE.includes(call) ? this.#takeOne() : this.#takeAll();
    }
    if (!this.hungUp) return PENDING;
    this.#theyAbort(HUNG_UP);
    return this.#failed(call);
  }

  /** Serves those that wait from what has just become available. */
  #serve(available: number): void {
    for (const step of this.#pending(...SINGLE).slice(0, available)) {
      step.outcome = this.#takeOne();
    }
    const isSynced = this.#has("sync") && this.barriers <= this.arrived.length;
    if (isSynced || available > 0 && this.#has("waitNext", "syncNext")) {
      this.#takeAll();
    }
    if (isSynced) {
      for (const wait of this.#pending("sync")) wait.outcome = true;
    }
  }

  #takeOne(): string {
    this.barriers--;
    const note = this.arrived.shift();
    this.note = note;
    return `note ${note}`;
  }

  #takeAll(): true {
    if (this.arrived.length > 0) {
      this.note = this.arrived.findLast((note) => note !== undefined);
      this.barriers -= this.arrived.length;
      this.arrived = [];
    }
    for (const wait of this.#pending("waitNext", "syncNext")) {
      wait.outcome = true;
    }
    return true;
  }

  #cancel(index: number): void {
    const wait = this.waits[index];
    if (wait?.outcome !== PENDING) return;
    wait.outcome = wait.call === "step" ? "done" : "cancelled";
  }

  /**
   * Serves the others from what a canceled sync had reserved: at the end of the
   * turn, or before anything in it that takes barriers or voids them.
   */
  #serveReleased(): void {
    if (!this.#has("sync")) this.#serve(this.arrived.length);
  }

  #theyAbort(why: string): void {
    this.theyAborted = true;
    this.arrived = [];
    this.#fail(why, ...TAKERS);
    for (const wait of this.#pending("waitAbortion")) {
      wait.outcome = !this.iAborted;
    }
  }

  #fail(why: string, ...calls: WaitCall[]): void {
    this.failure ??= why;
    for (const wait of this.#pending(...calls)) {
      wait.outcome = this.#failed(wait.call);
    }
  }

  #failed(call: WaitCall): unknown {
    if (call === "receive") return `rejected: ${this.failure}`;
    return call === "step" ? "done" : false;
  }

  #has(...calls: WaitCall[]): boolean {
    return this.#pending(...calls).length > 0;
  }

  #pending(...calls: WaitCall[]): Wait[] {
    return this.waits.filter(({ call, outcome }) =>
      outcome === PENDING && calls.includes(call)
    );
  }
}

const PENDING = "pending";

/** The real thing, which shows the same. */
export class Subject {
  readonly barrier: Barrier;
  readonly #waits: { outcome: unknown }[] = [];
  readonly #cancels: (() => void)[] = [];

  constructor(barrier: Barrier) {
    this.barrier = barrier;
  }

  /** Makes a call; what arrives is the channel's to deliver. */
  apply(event: Exclude<Event, { arrived: Message[] }>): boolean | void {
    switch (event.call) {
      case "place":
        return this.barrier.place(event.note);
      case "abort":
      case "destroy":
        return this.barrier[event.call]();
      case "cancel":
        return this.#cancels[event.wait]?.();
      case "step": {
        const iterator = this.barrier[Symbol.asyncIterator]();
        this.#cancels.push(() => void iterator.return!());
        this.#waits.push(watch(
          iterator.next().then(({ done, value }) =>
            done ? "done" : `note ${value}`
          ),
        ));
        return;
      }
      default: {
        const controller = new AbortController();
        this.#cancels.push(() => controller.abort("cancelled"));
        const { signal } = controller;
        this.#waits.push(watch(
          event.call === "receive"
            ? this.barrier.receive({ signal }).then(
              (note) => `note ${note}`,
              (reason) =>
                reason instanceof BarrierAbortedError
                  ? `rejected: ${reason.message}`
                  : reason,
            )
            : this.barrier[event.call]({ signal }),
        ));
      }
    }
  }

  get state(): string {
    const { aborted, reason } = this.barrier.signal;
    return show(
      this.barrier,
      aborted ? reason.message : undefined,
      this.#waits,
    );
  }
}

function show(
  { iAborted, theyAborted, note }: Pick<
    Model,
    "iAborted" | "theyAborted" | "note"
  >,
  failure: string | undefined,
  waits: { outcome: unknown }[],
): string {
  const outcomes = waits.map(({ outcome }) => outcome).join(", ");
  return `i ${iAborted}, they ${theyAborted}, failure ${failure}, note ${note}: ${outcomes}`;
}

/** A message as it stands on the channel; the hang-up is none. */
export function lineOf(message: Exclude<Message, "hangUp">): string {
  if (message === "abortion") return "abort\n";
  return message.note === undefined ? "\n" : `+${message.note}\n`;
}
