// Copyright 2026 the @ipc/barrier authors. MIT license.

import { replayOn } from "./child_side.ts";
import { DrivenChild } from "./driver.ts";
import { readTraces } from "./traces.ts";

/**
 * Replays traces of systemd's barrier with a child over "fd".
 *
 * @param every Of how many traces one is replayed.
 * @returns How many were.
 */
export async function checkProcessTraces(every: number): Promise<number> {
  const traces = await readTraces(every);
  for (const trace of traces) {
    await using child = await DrivenChild.spawn({ channel: "fd" });
    await replayOn(child, trace);
  }
  return traces.length;
}
