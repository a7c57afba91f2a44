// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Asking again and again whether a child is ready, for `readyWhen`. */

import { describe, NOTE_MAX, toLine } from "../barrier/lines.ts";
import { clearTimeout, setTimeout } from "../runtime/timers.ts";

/** How long, in milliseconds, to pause after the first try. */
const PAUSE = 100;

/** An error that no further try can change. */
export class FinalProbeError extends Error {
  override name = "FinalProbeError";
}

/** A try that got an answer, but not one that means "ready". */
export class AnswerError extends Error {
  override name = "AnswerError";
  readonly answer: string;

  constructor(answer: string) {
    super(`the answer was ${answer}`);
    this.answer = answer;
  }
}

/** Options for {@linkcode Probe}. */
export interface ProbeOptions {
  /**
   * The longest pause between two tries, in milliseconds. The pause doubles from
   * 100 ms up to this.
   */
  pauseMax?: number;
}

/**
 * Calls a function until it neither throws nor returns `false`.
 *
 * Its pauses do not keep the event loop alive; whoever waits for the child does.
 */
export class Probe {
  readonly #check: (signal: AbortSignal) => unknown;
  readonly #pauseMax: number;
  #lastFailure = "it was not asked yet";

  /** @param check Returns, throws or resolves to whether the child is ready. */
  constructor(
    check: (signal: AbortSignal) => unknown,
    { pauseMax = PAUSE }: ProbeOptions = {},
  ) {
    this.#check = check;
    this.#pauseMax = pauseMax;
  }

  /** What there is instead of an answer, as one line for an error's message. */
  get lastFailure(): string {
    return this.#lastFailure;
  }

  /**
   * Tries until a try succeeds. The first try follows after the caller's own
   * code has run.
   *
   * @param signal Ends the probe.
   * @returns What the function returned, if that is a string, as one line.
   * @throws {FinalProbeError} If further tries are useless.
   * @throws The reason of the signal, as soon as that is aborted.
   */
  async run(signal: AbortSignal): Promise<string | undefined> {
    await undefined;
    this.#lastFailure = "the first try has not ended";
    let pause = PAUSE;
    while (true) {
      signal.throwIfAborted();
      try {
        const answer = await unlessAborted(this.#try(signal), signal);
        if (answer !== false) {
          return typeof answer === "string"
            ? toLine(answer, NOTE_MAX).trim()
            : undefined;
        }
        this.#lastFailure = failure(new AnswerError("false"));
      } catch (error) {
        signal.throwIfAborted();
        this.#lastFailure = failure(error);
        if (error instanceof FinalProbeError) throw error;
      }
      await sleep(pause, signal);
      pause = Math.min(2 * pause, this.#pauseMax);
    }
  }

  async #try(signal: AbortSignal): Promise<unknown> {
    return await this.#check(signal);
  }
}

/** How much of an error's message is quoted. */
const ERROR_MAX = 500;

function failure(error: unknown): string {
  if (error instanceof AnswerError) return `last answer: ${error.answer}`;
  return toLine(`last error: ${describe(error)}`, ERROR_MAX);
}

/** Waits for a promise, but rejects with a signal's reason once that is aborted. */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  let timer!: ReturnType<typeof setTimeout>;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  Deno.unrefTimer(timer);
  try {
    await unlessAborted(elapsed, signal);
  } finally {
    clearTimeout(timer);
  }
}
