// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/trace_test.ts.

import { inheritBarrier, spawnWithBarrier } from "../../mod.ts";
import { main } from "./main.ts";

await main({
  async cancel() {
    await using child = spawnWithBarrier(import.meta.url, { args: ["child"] });
    const reason = new Error("enough\n\x1b[2J");
    const cancel = new AbortController();
    const wait = child.sync({ signal: cancel.signal });
    child.place();
    const pending = child.sync({ signal: cancel.signal });
    cancel.abort(reason);
    console.log(await wait, await pending.catch((error) => error === reason));
    for await (const note of child) console.log(note);
  },

  async child() {
    using parent = await inheritBarrier();
    await parent.waitNext();
    parent.place("one");
    parent.place("two");
  },

  async clock() {
    const start = Temporal.Now.instant();
    let step = 0;
    Temporal.Now.instant = () => start.add({ hours: step });
    const { traceOf } = await import("../../src/trace.ts");
    const trace = traceOf("child");
    for (step of [0, 0, 2, 2, 1, 1]) trace({ kind: "opened" });
  },

  async handle() {
    addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      console.log("unhandled:", event.reason);
    });
    await using child = spawnWithBarrier(["sleep", "60"]);
    for (const isHandled of [true, false]) {
      const cancel = new AbortController();
      const wait = child.waitNext({ signal: cancel.signal });
      if (isHandled) wait.catch((reason) => console.log("handled:", reason));
      cancel.abort("enough");
      await new Promise((resolve) => setTimeout(resolve));
    }
  },
});
