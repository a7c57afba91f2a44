// Copyright 2026 the @ipc/barrier authors. MIT license.

/* The options of a barrier and of its waits, and what is checked of them. */

import { shown } from "./lines.ts";
import type { BarrierObserver } from "./observer.ts";

/** Which side of a {@linkcode Barrier} this is. The rules of both are the same. */
export type BarrierRole = "parent" | "child";

/** Options for the waits of a {@linkcode Barrier}. */
export interface BarrierWaitOptions {
  /**
   * Cancels the wait, which then rejects with the signal's reason and consumes
   * nothing. Use `AbortSignal.timeout(ms)` for a timeout in milliseconds.
   */
  signal?: AbortSignal | undefined;
}

/** Options for the constructor of {@linkcode Barrier}, and {@linkcode Barrier.over}. */
export interface BarrierOptions {
  /**
   * Which side this is.
   *
   * @default {"parent"}
   */
  role?: BarrierRole | undefined;
  /**
   * The initial counter: the number of barriers that this side has placed and the
   * peer has not yet matched, before this object was created.
   *
   * @default {0}
   */
  barriers?: number | undefined;
}

/** The options that the other modules of this package can pass as well. */
export interface InternalOptions extends BarrierOptions {
  /** What is called with everything that happens. */
  observer?: BarrierObserver | undefined;
  /** Returns what `console.log(barrier)` shows after the role. */
  details?: (() => Record<string, unknown>) | undefined;
}

/**
 * Checks options, and adds the defaults.
 *
 * @throws {TypeError} If the role is neither side.
 * @throws {RangeError} If the counter is not a safe integer.
 */
export function checkOptions(
  { role = "parent", barriers = 0, observer, details }: InternalOptions,
): InternalOptions & { role: BarrierRole; barriers: number } {
  if (role !== "parent" && role !== "child") {
    throw new TypeError(
      `Cannot create a barrier: 'role' must be "parent" or "child", received ${
        shown(role)
      }`,
    );
  }
  if (!Number.isSafeInteger(barriers)) {
    throw new RangeError(
      `Cannot create a barrier: 'barriers' must be a safe integer, received ${
        shown(barriers)
      }`,
    );
  }
  return { role, barriers, observer, details };
}

/**
 * Checks that a value is a channel.
 *
 * @throws {TypeError} If it is not.
 */
export function checkChannel(channel: unknown): void {
  const methods = ["open", "send", "close", "ref", "unref"];
  const object = Object(channel) as Record<string, unknown>;
  const missing = methods.find((name) => typeof object[name] !== "function");
  if (missing === undefined) return;
  throw new TypeError(
    `Cannot create a barrier: the channel must have a method '${missing}', received ${
      shown(channel)
    }`,
  );
}

/**
 * Returns a rejected promise if a wait must not begin, because its signal is not
 * an `AbortSignal` or is aborted.
 */
export function refused(
  signal: AbortSignal | undefined,
): Promise<never> | undefined {
  if (signal === undefined) return undefined;
  if (!isAbortSignal(signal)) {
    return Promise.reject(
      new TypeError(
        `Cannot wait: 'signal' must be an AbortSignal, received ${
          shown(signal)
        }`,
      ),
    );
  }
  return signal.aborted ? Promise.reject(signal.reason) : undefined;
}

/** Whether a value is an `AbortSignal`, which can come from another realm. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  const signal = value as AbortSignal | null | undefined;
  return typeof signal?.addEventListener === "function" && "aborted" in signal;
}
