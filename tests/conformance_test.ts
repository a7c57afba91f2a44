// Copyright 2026 the @ipc/barrier authors. MIT license.

import { Barrier } from "../barrier.ts";
import { flushMicrotasks } from "./_helpers/event_loop.ts";
import { BarrierSide, readTraces, replay } from "./_helpers/traces.ts";

Deno.test("Barrier.pair() reproduces every recorded trace of systemd's barrier.c", async () => {
  for (const trace of await readTraces()) {
    const [parent, child] = Barrier.pair();
    await replay(
      trace,
      new BarrierSide(parent),
      new BarrierSide(child),
      flushMicrotasks,
    );
  }
});
