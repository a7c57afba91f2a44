// Copyright 2026 the @ipc/barrier authors. MIT license.

import { replayOn } from "./_helpers/child_side.ts";
import { DrivenChild } from "./_helpers/driver.ts";
import { readTraces } from "./_helpers/traces.ts";
import { test } from "./_helpers/unix.ts";

test('spawnWithBarrier() reproduces every 15th recorded trace of systemd\'s barrier.c over "fd"', async () => {
  for (const trace of await readTraces(15)) {
    await using child = await DrivenChild.spawn({ channel: "fd" });
    await replayOn(child, trace);
  }
});
