// Copyright 2026 the @ipc/barrier authors. MIT license.

import { deno, PLACEMENTS } from "./driver.ts";
import { compare, row, type Variant } from "./harness.ts";
import type { Benchmark } from "./table.ts";

/** Completions between threads, with an event loop at both ends or at one. */
export function threads(): Benchmark[] {
  return PLACEMENTS.map((placement) => ({
    title: `Completions between threads, ${placement}`,
    short: false,
    measure: async () => {
      const compared = await compare(VARIANTS, {
        placement,
        starts: 4,
        sweeps: 8,
        warmUp: [3_000],
        request: [1_000],
      });
      return {
        about: "Round trips between a thread and a worker.",
        columns: ["ratio", "time"],
        rows: compared.map((variant) => row(variant, "µs")),
      };
    },
  }));
}

/** The variants; all others are compared with the first. */
const VARIANTS: Variant[] = [
  {
    name: "Atomics.waitAsync()",
    words: deno("threads/parent.ts", "waitAsync"),
  },
  { name: "ours, wait()", words: deno("threads/parent.ts", "wait") },
  {
    name: "ours, wait() and waitSync()",
    words: deno("threads/parent.ts", "waitSync"),
  },
  { name: "postMessage()", words: deno("threads/parent.ts", "postMessage") },
];
