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

export interface RetryOptions {
  multiplier?: number;
  maxTimeout?: number;
  maxAttempts?: number;
  minTimeout?: number;
  jitter?: number;
  isRetriable?: (err: unknown) => boolean;
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

export class RetryError extends Error {
  override name = "RetryError";

  constructor(cause: unknown, attempts: number) {
    super(`Cannot retry any more: ${attempts} attempts failed`, { cause });
  }
}

export async function retry<T>(
  fn: (() => Promise<T>) | (() => T),
  options: RetryOptions = {},
): Promise<T> {
  const {
    multiplier = 2,
    maxTimeout = 60_000,
    maxAttempts = 5,
    minTimeout = 1_000,
    jitter = 1,
    isRetriable = () => true,
    signal,
  } = options;
  const valid = Number.isInteger(maxAttempts) && maxAttempts >= 1 &&
    Number.isFinite(multiplier) && multiplier >= 1 &&
    minTimeout >= 0 && maxTimeout > 0 && minTimeout <= maxTimeout &&
    jitter >= 0 && jitter <= 1;
  if (!valid) {
    throw new RangeError(`Cannot retry with ${Deno.inspect(options)}`);
  }
  for (let attempt = 1;; attempt++) {
    signal?.throwIfAborted();
    try {
      return await fn();
    } catch (error) {
      if (!isRetriable(error)) throw error;
      if (attempt === maxAttempts) throw new RetryError(error, attempt);
    }
    const pause = Math.min(
      maxTimeout,
      minTimeout * multiplier ** (attempt - 1),
    );
    await delay(pause * (1 - jitter * Math.random()), {
      ...signal && { signal },
    });
  }
}
