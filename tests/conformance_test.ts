// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { Barrier } from "../barrier.ts";
import { BarrierSide, parseTraces, replay } from "./traces.ts";

/** What one side of a pair sends reaches the other within a few microtasks. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await undefined;
}

Deno.test("Barrier.pair() reproduces every recorded trace of systemd's barrier.c", async () => {
  const traces = parseTraces(
    await Deno.readTextFile(
      new URL("./testdata/barrier-traces.txt", import.meta.url),
    ),
  );
  assertEquals(traces.length, 3_000);
  for (const trace of traces) {
    const [parent, child] = Barrier.pair();
    await replay(
      trace,
      new BarrierSide(parent),
      new BarrierSide(child),
      settle,
    );
  }
});
