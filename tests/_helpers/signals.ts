// Copyright 2026 the @ipc/barrier authors. MIT license.

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
