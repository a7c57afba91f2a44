// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";

/** A signal that is never aborted, and who listens to it. */
export function countedSignal(): {
  signal: AbortSignal;
  listeners: Set<unknown>;
} {
  const { signal } = new AbortController();
  const listeners = new Set<unknown>();
  signal.addEventListener = (_: string, listener: unknown) => {
    listeners.add(listener);
  };
  signal.removeEventListener = (_: string, listener: unknown) => {
    listeners.delete(listener);
  };
  return { signal, listeners };
}

/** Asserts that `AbortSignal.timeout()` ends a wait that nothing else does. */
export async function assertTimesOut(
  wait: (options: { signal: AbortSignal }) => Promise<unknown>,
): Promise<void> {
  const signal = AbortSignal.timeout(1);
  const error = await assertRejects(() => wait({ signal }), DOMException);
  assertEquals(error.name, "TimeoutError");
}

/** What ends a script from outside, and the code with which it then exits. */
export const STOPPING = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const;
