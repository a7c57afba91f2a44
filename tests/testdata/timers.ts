// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/runtime/timers_test.ts that replace the timers once the
// library is loaded.

import { SharedCompletion, spawnWithBarrier } from "../../mod.ts";
import { main } from "./main.ts";

const { setTimeout } = globalThis;

/** Replaces the timers by those of a module, or by some that never fire. */
async function fakeTimers(module: string | undefined): Promise<void> {
  if (module !== undefined) {
    const { FakeTime } = await import(module);
    new FakeTime();
    return;
  }
  const never = () => 1;
  const clear = () => {};
  Object.assign(globalThis, {
    ...{ setTimeout: never, setInterval: never },
    ...{ clearTimeout: clear, clearInterval: clear },
  });
  performance.now = Date.now = () => 0;
}

await main({
  async stop(module) {
    await fakeTimers(module);
    const script = 'trap "" TERM; echo >&3; sleep 1000 & wait; wait';
    {
      await using child = spawnWithBarrier(["sh", "-c", script], {
        processGroup: true,
        stderr: "null",
        stopGracePeriod: 50,
      });
      await child.ready();
      console.log("ready");
    }
    console.log("stopped");
  },

  async completion(module) {
    await fakeTimers(module);
    const completion = new SharedCompletion();
    Deno.unrefTimer(setTimeout(() => completion.complete(), 100));
    completion.wait().then(() => console.log("completed"));
  },
});
