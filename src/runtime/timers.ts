// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The timers and the clock as they were when this module was loaded. Tests
 * replace the global ones (`FakeTime` of `@std/testing`), and a child must be
 * stopped in time even then.
 */

export const setTimeout: typeof globalThis.setTimeout = globalThis.setTimeout;
export const clearTimeout: typeof globalThis.clearTimeout =
  globalThis.clearTimeout;

const { performance } = globalThis;

/** Returns the milliseconds since this process started. */
export function now(): number {
  return performance.now();
}

/**
 * Waits until a promise that does not reject has resolved, but at most for the
 * given time.
 *
 * @param ms How long to wait, in milliseconds.
 * @param options Whether the timer keeps the event loop alive; by default it
 * does not.
 */
export async function within(
  ms: number,
  promise: Promise<unknown>,
  { persistent = false }: { persistent?: boolean } = {},
): Promise<void> {
  let timer!: ReturnType<typeof setTimeout>;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  if (!persistent) Deno.unrefTimer(timer);
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}
