// Copyright 2026 the @ipc/barrier authors. MIT license.

// What a program with `--v8-flags=--expose-gc` knows of its memory.

declare const gc: () => void;

/** The bytes that objects take, garbage not included. */
export function inUse(): number {
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}
