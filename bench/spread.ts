// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The median of some values, and their quartiles. */
export interface Spread {
  median: number;
  lower: number;
  upper: number;
}

/** Sums values up. */
export function spread(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(part * sorted.length)]!;
  return { median: at(0.5), lower: at(0.25), upper: at(0.75) };
}
