// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Traces of systemd's barrier. `deno task soak` replays all of them. */

import { assertEquals } from "@std/assert";
import { Barrier } from "../barrier.ts";
import { flushMicrotasks } from "./_helpers/event_loop.ts";
import { checkProcessTraces } from "./_helpers/process_traces.ts";
import { BarrierSide, readTraces, replay } from "./_helpers/traces.ts";
import { test } from "./_helpers/unix.ts";

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

test('spawnWithBarrier() reproduces 10 recorded traces of systemd\'s barrier.c over "fd"', async () => {
  assertEquals(await checkProcessTraces(300), 10);
});
