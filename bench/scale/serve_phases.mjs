// Copyright 2026 the @ipc/barrier authors. MIT license.

import { serve } from "../serve.mjs";

/**
 * Serves phases over many children: in each, the parent and all of the children
 * wait for one another. The argument of the program is the number of children.
 *
 * Requests: "phases <count>" gives the milliseconds of all, and the parent's own
 * on the processor; "memory" gives the bytes that each child added to it.
 *
 * @param {() => (() => Promise<unknown>)} start Starts a child; gives its round trip.
 * @returns {Promise<never>}
 */
export async function servePhases(start) {
  const { argv, cpuUsage, memoryUsage } = globalThis.process;
  const roundTrips = [start()]; // it loads what the first one needs
  await roundTrips[0]();
  globalThis.gc();
  const before = memoryUsage.rss();
  const count = Number(argv[2]);
  while (roundTrips.length < count) roundTrips.push(start());
  await phase();

  return serve(async (request, phases) => {
    if (request === "memory") {
      globalThis.gc();
      return (memoryUsage.rss() - before) / (count - 1);
    }
    const startTime = performance.now();
    const startUsage = cpuUsage();
    for (let i = 0; i < Number(phases); i++) await phase();
    const { user, system } = cpuUsage(startUsage);
    return [performance.now() - startTime, (user + system) / 1_000];
  });

  function phase() {
    return Promise.all(roundTrips.map((roundTrip) => roundTrip()));
  }
}
