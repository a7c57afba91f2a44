// Copyright 2026 the @ipc/barrier authors. MIT license.

// Programs that change the delays of timers which the library makes, and most of
// which print them. They replace setTimeout() before it is loaded. So they import it
// themselves.

import type { BarrierChannelKind } from "../../mod.ts";
import { main } from "./main.ts";

const delays: number[] = [];

/** Has delays noted, and timers run after the time that is left of them. */
function replaceTimers(left: (ms: number) => number): void {
  const { setTimeout } = globalThis;
  Object.assign(globalThis, {
    setTimeout(run: () => void, ms = 0) {
      delays.push(ms);
      return setTimeout(run, left(ms));
    },
  });
}

await main({
  async probe() {
    replaceTimers(() => 0);
    const { Probe } = await import("../../src/spawn/probe.ts");
    for (const options of [{}, { pauseMax: 1_000 }]) {
      let tries = 0;
      const probe = new Probe(() => ++tries > 6, options);
      setInterval(() => {}); // which keeps the loop alive
      await probe.run(new AbortController().signal);
      console.log(delays.splice(0).join());
    }
    Deno.exit();
  },

  async try(url) {
    replaceTimers(() => 0);
    const { parseReadyUrl, tryUrl } = await import(
      "../../src/spawn/ready_url.ts"
    );
    try {
      await tryUrl(parseReadyUrl(url!))(new AbortController().signal);
    } catch (error) {
      console.log((error as Error).message, delays.join());
    }
    Deno.exit();
  },

  async ready(timeout) {
    replaceTimers((ms) => ms);
    const { spawnWithBarrier } = await import("../../mod.ts");
    await using child = spawnWithBarrier(["sh", "-c", "echo >&3; exec cat"]);
    delays.length = 0;
    await child.ready(
      timeout === undefined ? {} : { timeout: Number(timeout) },
    );
    console.log(JSON.stringify(delays));
  },

  /** Prints a line after each barrier in the output of a child. */
  async ordered(script, channel, line) {
    // Output can take longer to be written than a barrier waits for it, if the
    // machine is busy.
    replaceTimers((ms) => Math.min(1_000 * ms, 2 ** 31 - 1));
    const { spawnWithBarrier } = await import("../../mod.ts");
    const child = spawnWithBarrier(["sh", "-c", script!], {
      channel: channel as BarrierChannelKind,
      readyLine: line === undefined ? undefined : new RegExp(`^${line}$`),
    });
    for (let i = 0; i < 10; i++) {
      await child.waitNext();
      console.log("parent", i);
      child.place();
    }
  },
});
