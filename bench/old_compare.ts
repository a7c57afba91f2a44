// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Does something, and returns how many milliseconds it took. */
export type Measurement = () => Promise<number>;

/** How often to measure; a run is the sum of its slices. */
export interface CompareOptions {
  runs: number;
  slices?: number;
}

/** What ours and the peer's take, in milliseconds. */
export interface Comparison {
  ours: number;
  peer: number;
}

/** A line of the table; `ok` is missing where nothing was measured. */
export interface Row {
  what: string;
  result: string;
  limit: string;
  ok?: boolean;
}

/**
 * Measures two things in turns, so that whatever else the machine does slows
 * both, and returns the medians of their runs.
 */
export async function compare(
  ours: Measurement,
  peer: Measurement,
  { runs, slices = 1 }: CompareOptions,
): Promise<Comparison> {
  for (let i = 0; i < 2; i++) { // fills the caches of modules and of machine code
    await ours();
    await peer();
  }
  const oursRuns: number[] = [];
  const peerRuns: number[] = [];
  for (let run = 0; run < runs; run++) {
    let oursTime = 0;
    let peerTime = 0;
    for (let slice = 0; slice < slices; slice++) {
      oursTime += await ours();
      peerTime += await peer();
    }
    oursRuns.push(oursTime);
    peerRuns.push(peerTime);
  }
  return { ours: median(oursRuns), peer: median(peerRuns) };
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** Ours takes at most `limit` times what the peer takes. */
export function ratio(
  what: string,
  limit: number,
  { ours, peer }: Comparison,
): Row {
  return {
    what,
    result: (ours / peer).toFixed(2),
    limit: limit.toFixed(2),
    ok: ours / peer <= limit,
  };
}

/** Ours takes at most `limit` milliseconds more than the peer takes. */
export function difference(
  what: string,
  limit: number,
  { ours, peer }: Comparison,
): Row {
  const added = ours - peer;
  return {
    what,
    result: `${(ours / peer).toFixed(2)} (${added.toFixed(1)} ms)`,
    limit: `${limit} ms`,
    ok: added <= limit,
  };
}
