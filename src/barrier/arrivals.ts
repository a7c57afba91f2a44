// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Barriers that have arrived and were not consumed yet, with their notes. */

import { isWide } from "./lines.ts";

/** The most bytes of unconsumed notes that are kept. */
const NOTES_MAX = 1024 * 1024;

/** The memory that a note takes in addition to its text, about. */
const NOTE_OVERHEAD = 96;

interface Note {
  /** The number of its barrier. */
  number: number;
  text: string;
  /** The memory that it takes. */
  size: number;
}

/** The peer's barriers that have arrived and were not consumed. */
export class Arrivals {
  /** How many there are. */
  count = 0;
  #taken = 0;
  /** The notes that are kept, from `#first` on. */
  #notes: Note[] = [];
  #first = 0;
  #size = 0;

  /** How many were taken in total. */
  get taken(): number {
    return this.#taken;
  }

  /** Adds a barrier. */
  add(text?: string): void {
    const number = this.#taken + this.count++;
    if (text === undefined) return;
    const size = text.length * (isWide(text) ? 2 : 1) + NOTE_OVERHEAD;
    this.#notes.push({ number, text, size });
    this.#size += size;
    while (this.#size > NOTES_MAX) this.#forgetFirst();
  }

  /** Takes the oldest one, and returns its note. */
  takeOne(): string | undefined {
    const number = this.#taken++;
    this.count--;
    const note = this.#notes[this.#first];
    if (note?.number !== number) return undefined;
    this.#forgetFirst();
    return note.text;
  }

  /** Takes all of them, and returns the newest note. */
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
    this.#size -= this.#notes[this.#first++]!.size;
    // Removing one by one would take quadratic time.
    if (2 * this.#first < this.#notes.length) return;
    this.#notes.splice(0, this.#first);
    this.#first = 0;
  }
}

/** The result of one step of an iteration. */
export type Step = IteratorResult<string | undefined>;

/** The end of an iteration. */
export const DONE: Step = { done: true, value: undefined };

/** What an iteration consumes barriers from. */
export interface BarrierSource {
  /** Consumes one barrier for an iterator. */
  next(iterator: object): Promise<Step>;
  /** Ends the pending steps of an iterator. */
  cancel(iterator: object): void;
}

/** An iteration over a barrier. Several of its steps can be pending. */
export class BarrierIterator
  implements AsyncIterableIterator<string | undefined> {
  readonly #source: BarrierSource;
  #ended = false;

  constructor(source: BarrierSource) {
    this.#source = source;
  }

  next(): Promise<Step> {
    return this.#ended ? Promise.resolve(DONE) : this.#source.next(this);
  }

  return(): Promise<Step> {
    this.#ended = true;
    this.#source.cancel(this);
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
