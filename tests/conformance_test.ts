// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { Barrier } from "../barrier.ts";
import { flushMicrotasks } from "./_helpers/event_loop.ts";
import { BarrierSide, parseTraces, replay } from "./_helpers/traces.ts";

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
      flushMicrotasks,
    );
  }
});
