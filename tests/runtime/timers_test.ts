// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Tests that replace the timers must not change what this library does. */

import { assertEquals } from "@std/assert";
import { within } from "../../src/runtime/timers.ts";
import { run } from "../_helpers/run.ts";
import { runTestdata, testdataCommand } from "../_helpers/scripts.ts";
import { test } from "../_helpers/unix.ts";

const FAKE_TIME = "jsr:@std/testing@1.0.16/time";

/** Ways of replacing the timers once the library is loaded. */
const FAKES: Record<string, { args: string[]; isAvailable: boolean }> = {
  "timers that never fire": { args: [], isAvailable: true },
  "FakeTime of @std/testing": {
    args: [FAKE_TIME],
    isAvailable: await isAvailable(FAKE_TIME),
  },
};

async function isAvailable(module: string): Promise<boolean> {
  const cache = await run(
    [Deno.execPath(), "cache", "--no-config", module],
    { signal: AbortSignal.timeout(10_000) },
  );
  if (cache.code !== 0) {
    console.log(`Ignoring tests: ${module} is out of reach`);
  }
  return cache.code === 0;
}

for (const [what, { args, isAvailable }] of Object.entries(FAKES)) {
  const testIf = isAvailable ? test : Deno.test.ignore;

  testIf(`spawnWithBarrier() stops a child in time with ${what}`, async () => {
    const output = await run(
      testdataCommand("timers.ts", ["stop", ...args]),
      { signal: AbortSignal.timeout(60_000) }, // a child that is not stopped
    );
    assertEquals(output, { code: 0, stdout: "ready\nstopped\n", stderr: "" });
  });

  testIf(
    `SharedCompletion.wait() keeps the process alive with ${what}`,
    async () => {
      const output = await runTestdata("timers.ts", ["completion", ...args]);
      assertEquals(output, { code: 0, stdout: "completed\n", stderr: "" });
    },
  );
}

Deno.test("Importing mod.ts reads no timer, which would load a module of Deno's", async () => {
  const output = await runTestdata("timers_at_import.ts", ["read"], []);
  assertEquals(output, { code: 0, stdout: "imported\n", stderr: "" });
});

Deno.test("EventLoopReference.hold() leaves no timer where making one calls it again", async () => {
  const { code } = await runTestdata("timers_at_import.ts", ["hold"], []);
  assertEquals(code, 0);
});

Deno.test("within() leaves no timer behind, whichever is first", async () => {
  await within(60_000, Promise.resolve());
  await within(1, new Promise(() => {}), { persistent: true });
});
