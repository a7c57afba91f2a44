// Copyright 2026 the @ipc/barrier authors. MIT license.

/* What has arrived and was not taken, and taking it one at a time. */

import type { Waiter } from "./wait_queue.ts";

/** How many bytes of notes that nobody has taken are kept. */
const NOTES_MAX = 1024 * 1024;

/** What a note takes in memory besides its text, about. */
const NOTE_OVERHEAD = 96;

/** The peer's barriers that have arrived and were not taken, with their notes. */
export class Arrivals {
  /** Makes those of a barrier, unless its channel is traced and has its own. */
  static of(channel: object & { arrivals?: unknown }): Arrivals {
    const { arrivals } = channel;
    return arrivals instanceof Arrivals ? arrivals : new Arrivals();
  }

  /** How many there are. */
  count = 0;
  /** How many have been taken, ever. */
  #taken = 0;
  /** The notes, each with the number of its barrier, from `#first` on. */
  #notes: { number: number; text: string }[] = [];
  #first = 0;
  #size = 0;

  add(note?: string): void {
    const number = this.#taken + this.count++;
    if (note === undefined) return;
    this.#notes.push({ number, text: note });
    this.#size += note.length + NOTE_OVERHEAD;
    while (this.#size > NOTES_MAX) this.#forgetFirst();
  }

  /** Takes one, and gives its note. */
  takeOne(): string | undefined {
    const number = this.#taken++;
    this.count--;
    const note = this.#notes[this.#first];
    if (note?.number !== number) return undefined;
    this.#forgetFirst();
    return note.text;
  }

  /** Takes all, and gives the newest note. */
  takeAll(): string | undefined {
    this.#taken += this.count;
    this.count = 0;
    const note = this.#notes.at(-1)?.text;
    if (note !== undefined) {
      this.#notes = [];
      this.#first = this.#size = 0;
    }
    return note;
  }

  #forgetFirst(): void {
    this.#size -= this.#notes[this.#first++]!.text.length + NOTE_OVERHEAD;
    // Half of the list may be notes that are gone, no more.
    if (2 * this.#first < this.#notes.length) return;
    this.#notes.splice(0, this.#first);
    this.#first = 0;
  }
}

/** What one step of an iteration gives. */
export type StepResult = IteratorResult<string | undefined>;

/** A step that waits for a barrier. */
export type Step = Waiter<StepResult>;

/** The end of an iteration. */
export const DONE: StepResult = { done: true, value: undefined };

/** Where an iteration takes its barriers from. */
export interface BarrierSource {
  /** Takes a barrier, now or by a step that it adds to the set. */
  take(steps: Set<Step>): Promise<StepResult>;
  /** Takes a step out of the queue. */
  cancel(step: Step): void;
}

/** An iteration over a barrier. Several steps of it may be pending. */
export class BarrierIterator
  implements AsyncIterableIterator<string | undefined> {
  readonly #source: BarrierSource;
  readonly #steps = new Set<Step>();
  #ended = false;

  constructor(source: BarrierSource) {
    this.#source = source;
  }

  next(): Promise<StepResult> {
    return this.#ended ? Promise.resolve(DONE) : this.#source.take(this.#steps);
  }

  return(): Promise<StepResult> {
    this.#ended = true;
    for (const step of this.#steps) {
      if (!step.waiting) continue;
      this.#source.cancel(step);
      step.resolve(DONE);
    }
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
