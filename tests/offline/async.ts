// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Stands in for `@std/async` where JSR is out of reach: what the tests use of
 * it.
 *
 * @module
 */

import { setTimeout } from "node:timers/promises";

export interface DelayOptions {
  signal?: AbortSignal;
  persistent?: boolean;
}

export interface DeadlineOptions {
  signal?: AbortSignal;
}

export async function delay(
  ms: number,
  { signal, persistent = true }: DelayOptions = {},
): Promise<void> {
  try {
    await setTimeout(ms, undefined, {
      ref: persistent,
      ...signal && { signal },
    });
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
}

export async function deadline<T>(
  p: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  const signals = [AbortSignal.timeout(ms)];
  if (options.signal) signals.push(options.signal);
  const signal = AbortSignal.any(signals);
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([p, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
