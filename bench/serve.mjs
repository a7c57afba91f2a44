// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * A driver's side of the talk with the harness, for Deno and for Node: a line of
 * stdin is a request, a line of stderr answers it with figures. stdin is read
 * synchronously, so that no pending read takes part in what is measured.
 */

import { readSync, writeSync } from "node:fs";

/**
 * Measures what it is asked for until there are no more requests, and exits.
 *
 * @param {(...request: string[]) => Promise<number | number[]>} measure
 * @returns {Promise<never>}
 */
export async function serve(measure) {
  const byte = new Uint8Array(1);
  let line = "";
  while (readSync(0, byte) === 1) {
    if (byte[0] !== 10) {
      line += String.fromCharCode(byte[0]);
      continue;
    }
    const figures = await measure(...line.split(" "));
    writeSync(2, `${[figures].flat().join(" ")}\n`);
    line = "";
  }
  globalThis.process.exit();
}

/**
 * Serves round trips: of each request that many, in milliseconds.
 *
 * @param {() => Promise<unknown>} roundTrip
 * @returns {Promise<never>}
 */
export function serveRoundTrips(roundTrip) {
  return serve(async (count) => {
    const start = performance.now();
    for (let i = 0; i < Number(count); i++) await roundTrip();
    return performance.now() - start;
  });
}
