// Copyright 2026 the @ipc/barrier authors. MIT license.

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

// Uses a shared completion in random order, and reports the results.

import { SharedCompletion } from "../../completion.ts";
import { turnEventLoop } from "../_helpers/event_loop.ts";

self.onmessage = async ({ data: { buffer, operations, seed } }) => {
  const completion = SharedCompletion.from(buffer);
  const waits = new Map<AbortController, Promise<void>>();
  let posted = 0;
  let taken = 0;

  let state = seed;
  const random = (below: number) => {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };

  for (let i = 0; i < operations; i++) {
    switch (random(8)) {
      case 0:
      case 1:
      case 2:
        completion.complete();
        posted++;
        break;
      case 3:
        if (completion.tryWait()) taken++;
        break;
      case 4:
        if (completion.waitSync({ timeout: random(10) / 1000 })) taken++;
        break;
      case 5:
      case 6: {
        const controller = new AbortController();
        const wait = completion.wait({ signal: controller.signal })
          .then(() => void taken++, () => {})
          .finally(() => waits.delete(controller));
        waits.set(controller, wait);
        break;
      }
      case 7:
        [...waits.keys()][random(waits.size)]?.abort();
        break;
    }
    if (random(32) === 0) await turnEventLoop(1);
  }

  self.postMessage({ posted, taken, waiting: waits.size });
  await Promise.all(waits.values());
  self.postMessage({ posted, taken, waiting: waits.size });
};
