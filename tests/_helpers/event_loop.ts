// Copyright 2026 the @ipc/barrier authors. MIT license.

import { setImmediate } from "node:timers";

/**
 * Runs the reactions of promises that are settled, and what these settle in
 * turn. It is enough for both sides of `Barrier.pair()`.
 */
export async function flushMicrotasks(): Promise<void> {
  for (let i = 0; i < 10; i++) await undefined;
}

/**
 * Lets the event loop turn. By default it turns as often as it takes to deliver
 * what the kernel holds for this process.
 */
export async function turnEventLoop(turns = 3): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Whether a promise has not been resolved or rejected yet. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  await flushMicrotasks();
  return await Promise.race([promise, Promise.resolve(pending)]) === pending;
}
