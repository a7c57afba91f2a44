// Copyright 2026 the @ipc/barrier authors. MIT license.

import { serve } from "../serve.mjs";

/**
 * Measures in milliseconds how long it takes to start several children together.
 * To end them again takes no part in it.
 *
 * @param {() => Promise<() => Promise<unknown>>} start Starts a child; gives what ends it.
 * @returns {Promise<never>}
 */
export function serveStarts(start) {
  return serve(async (count) => {
    const begin = performance.now();
    const ends = await Promise.all(
      Array.from({ length: Number(count) }, () => start()),
    );
    const time = performance.now() - begin;
    await Promise.all(ends.map((end) => end()));
    return time;
  });
}
