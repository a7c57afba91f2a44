// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Cuts a number into parts of at most 1,000, one for each turn of the event loop.
 *
 * @param {number} count
 */
export async function* turns(count) {
  for (; count > 0; count -= 1_000) {
    yield Math.min(count, 1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
