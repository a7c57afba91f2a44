// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/runtime/timers_test.ts that replace the timers before
// they load the library. So they import it themselves.

import { main } from "./main.ts";

await main({
  async read() {
    const names = ["setTimeout", "setInterval", "setImmediate", "Temporal"];
    for (const name of names) {
      Object.defineProperty(globalThis, name, {
        configurable: true,
        get: () => console.log(name),
      });
    }
    await import("../../mod.ts");
    console.log("imported");
  },

  async hold() {
    const { setInterval, setTimeout } = globalThis;
    Deno.unrefTimer(setTimeout(() => Deno.exit(9), 10_000));
    let onSet = () => {};
    globalThis.setInterval = (...args: Parameters<typeof setInterval>) => {
      const act = onSet;
      onSet = () => {};
      act();
      return setInterval(...args);
    };
    const { EventLoopReference } = await import("../../src/runtime/timers.ts");
    for (const held of [true, false]) {
      const reference = new EventLoopReference();
      onSet = () => reference.hold(held);
      reference.hold(true);
      if (held) reference.hold(false);
    }
  },
});
