// Copyright 2026 the @ipc/barrier authors. MIT license.

// What programs need that a signal ends: children that print what is asked of
// them.

import { registerChild } from "../../src/spawn/signals.ts";

/** Registers a child, and returns what removes it. */
export function child(
  label: string,
  { ends = true, isStopping = ends, stop = () => {} }: {
    ends?: boolean;
    isStopping?: boolean;
    stop?: () => unknown;
  } = {},
): () => void {
  const remove = registerChild({
    label: () => label,
    isStopping: () => isStopping,
    async stop() {
      console.log("stop", label);
      await stop();
      remove();
      console.log("stopped", label);
    },
    signalStop: () => console.log("signal", label),
    kill: () => console.log("kill", label),
  }, ends);
  return remove;
}

/** Keeps the program alive. */
export function run(): ReturnType<typeof setInterval> {
  return setInterval(() => {}, 1_000);
}

export function never(): Promise<void> {
  return new Promise(() => {});
}

/** Resolves when a signal is aborted. */
export function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => signal.addEventListener("abort", resolve));
}
