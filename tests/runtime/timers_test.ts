// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Tests that replace the timers must not change what this library does. */

import { assertEquals } from "@std/assert";
import { within } from "../../src/runtime/timers.ts";
import { run } from "../_helpers/run.ts";
import { dataUrl, json } from "../_helpers/scripts.ts";
import { test } from "../_helpers/unix.ts";

const LIBRARY = json(import.meta.resolve("../../mod.ts"));
const TIMERS = json(import.meta.resolve("../../src/runtime/timers.ts"));

/** Ways of replacing the timers once the library is loaded. */
const FAKES: Record<string, { prelude: string; isAvailable: boolean }> = {
  "timers that never fire": {
    prelude: `
      for (const name of ["setTimeout", "setInterval"]) globalThis[name] = () => 1;
      for (const name of ["clearTimeout", "clearInterval"]) globalThis[name] = () => {};
      performance.now = Date.now = () => 0;
    `,
    isAvailable: true,
  },
  "FakeTime of @std/testing": {
    prelude: `
      const { FakeTime } = await import("jsr:@std/testing@1.0.16/time");
      new FakeTime();
    `,
    isAvailable: await isAvailable("jsr:@std/testing@1.0.16/time"),
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

for (const [what, { prelude, isAvailable }] of Object.entries(FAKES)) {
  const testIf = isAvailable ? test : Deno.test.ignore;

  testIf(`spawnWithBarrier() stops a child in time with ${what}`, async () => {
    const source = `
      import { spawnWithBarrier } from ${LIBRARY};
      ${prelude}
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
    `;
    const output = await run(
      [Deno.execPath(), "run", "--allow-all", dataUrl(source)],
      { signal: AbortSignal.timeout(60_000) }, // a child that is not stopped
    );
    assertEquals(output, { code: 0, stdout: "ready\nstopped\n", stderr: "" });
  });

  testIf(
    `SharedCompletion.wait() keeps the process alive with ${what}`,
    async () => {
      const source = `
      import { SharedCompletion } from ${LIBRARY};
      const { setTimeout } = globalThis;
      ${prelude}
      const completion = new SharedCompletion();
      Deno.unrefTimer(setTimeout(() => completion.complete(), 100));
      completion.wait().then(() => console.log("completed"));
    `;
      const output = await run(
        [Deno.execPath(), "run", "--allow-all", dataUrl(source)],
      );
      assertEquals(output, { code: 0, stdout: "completed\n", stderr: "" });
    },
  );
}

Deno.test("Importing mod.ts reads no timer, which would load a module of Deno's", async () => {
  const source = `
    const names = ["setTimeout", "setInterval", "setImmediate", "Temporal"];
    for (const name of names) {
      Object.defineProperty(globalThis, name, {
        configurable: true,
        get: () => console.log(name),
      });
    }
    await import(${LIBRARY});
    console.log("imported");
  `;
  const output = await run(
    [Deno.execPath(), "run", "--allow-read", dataUrl(source)],
  );
  assertEquals(output, { code: 0, stdout: "imported\n", stderr: "" });
});

Deno.test("EventLoopReference.hold() leaves no timer where making one calls it again", async () => {
  const source = `
    const { setInterval, setTimeout } = globalThis;
    Deno.unrefTimer(setTimeout(() => Deno.exit(9), 10_000));
    let onSet = () => {};
    globalThis.setInterval = (...args) => {
      const act = onSet;
      onSet = () => {};
      act();
      return setInterval(...args);
    };
    const { EventLoopReference } = await import(${TIMERS});
    for (const held of [true, false]) {
      const reference = new EventLoopReference();
      onSet = () => reference.hold(held);
      reference.hold(true);
      if (held) reference.hold(false);
    }
  `;
  const { code } = await run(
    [Deno.execPath(), "run", "--allow-read", dataUrl(source)],
  );
  assertEquals(code, 0);
});

Deno.test("within() leaves no timer behind, whichever is first", async () => {
  await within(60_000, Promise.resolve());
  await within(1, new Promise(() => {}), { persistent: true });
});
