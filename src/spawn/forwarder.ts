// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Writing what children print to this process's own stdout or stderr, which all
 * of them share.
 */

import { LF } from "../barrier/lines.ts";
import { type StandardOutput, writeWhole } from "../runtime/standard_output.ts";
import { now, within } from "../runtime/timers.ts";

/**
 * How long, in milliseconds, to wait for the end of a line where several children
 * print: before the line is begun, and before others write in the middle of it.
 */
const LINE_GRACE = 100;

/** What one child has printed and this process has not written yet. */
export interface Forwarded {
  /** How many bytes that is. */
  readonly size: number;
  /** Whether a line ends in the bytes that are next. */
  readonly hasLine: boolean;
  /**
   * Removes bytes from the beginning.
   *
   * @param upToLineEnd Whether to stop after a line, if one ends there.
   */
  take(upToLineEnd: boolean): Uint8Array;
  /**
   * Bytes that were taken have been written.
   *
   * @param length How many.
   * @param error Why they were not written, if that failed.
   */
  onWritten(length: number, error?: unknown): void;
}

/**
 * Writes what children print to one output, one child at a time, so that the
 * lines of two children are not mixed.
 */
export class Forwarder {
  static readonly #all = new WeakMap<StandardOutput, Forwarder>();
  readonly #target: StandardOutput;
  /** Those that have something to write, in turn, and since when they wait. */
  readonly #waiting = new Map<Forwarded, number>();
  /** The one that has begun a line and not ended it, and when it has. */
  #begun: { source: Forwarded; since: number } | undefined;
  #isRunning = false;
  /** Called when there is something more to write. */
  #onAdded = () => {};
  #hasReported = false;

  private constructor(target: StandardOutput) {
    this.#target = target;
  }

  /**
   * Returns the only forwarder that writes to an output.
   *
   * @param target The output.
   */
  static to(target: StandardOutput): Forwarder {
    let forwarder = Forwarder.#all.get(target);
    if (forwarder === undefined) {
      forwarder = new Forwarder(target);
      Forwarder.#all.set(target, forwarder);
    }
    return forwarder;
  }

  /**
   * Writes what a source has when it is its turn.
   *
   * @param source The source.
   */
  add(source: Forwarded): void {
    if (this.#waiting.has(source)) return;
    this.#waiting.set(source, now());
    this.#onAdded();
    if (!this.#isRunning) this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.size > 0) {
      const source = await this.#next();
      this.#waiting.delete(source);
      if (source.size === 0) continue; // its reader has gone
      const bytes = source.take(this.#waiting.size > 0);
      if (source.size > 0) this.#waiting.set(source, now());
      if (bytes.at(-1) === LF) this.#begun = undefined;
      else if (this.#begun?.source !== source) {
        this.#begun = { source, since: now() };
      }
      source.onWritten(bytes.length, await this.#write(bytes));
    }
    this.#isRunning = false;
  }

  /** Returns the source whose turn it is, when it is. */
  async #next(): Promise<Forwarded> {
    for (;;) {
      const [oldest] = this.#waiting.values();
      const left = (this.#begun?.since ?? oldest!) + LINE_GRACE - now();
      const next = this.#choose(left <= 0);
      if (next) return next;
      const added = new Promise<void>((resolve) => this.#onAdded = resolve);
      await within(left, added, { persistent: true });
    }
  }

  /**
   * Returns the source that is next, or `undefined` if it is better to wait.
   *
   * @param isLate Whether there was enough time for a line to end.
   */
  #choose(isLate: boolean): Forwarded | undefined {
    if (isLate) this.#begun = undefined;
    if (this.#begun) {
      const { source } = this.#begun;
      return this.#waiting.has(source) ? source : undefined;
    }
    const sources = [...this.#waiting.keys()];
    const isAlone = sources.length === 1;
    return sources.find(({ hasLine }) => hasLine) ??
      (isAlone || isLate ? sources[0] : undefined);
  }

  /** Writes bytes, and returns the error if that fails. */
  async #write(bytes: Uint8Array): Promise<unknown> {
    try {
      await writeWhole(this.#target, bytes);
      return undefined;
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) this.#report(error);
      return error;
    }
  }

  /** Prints why output is lost to stderr, once. */
  #report(error: unknown): void {
    if (this.#hasReported) return;
    this.#hasReported = true;
    try {
      const name = this.#target === Deno.stderr ? "stderr" : "stdout";
      const what = error instanceof Error ? error.message : error;
      console.error(`Cannot write what a child prints to ${name}: ${what}`);
    } catch {
      // Stderr has no reader, either.
    }
  }
}
