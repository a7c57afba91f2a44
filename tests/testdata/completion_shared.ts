// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/completion_shared_test.ts.

import { SharedCompletion } from "../../completion.ts";
import { exitWithin } from "./exit_within.ts";
import { main } from "./main.ts";

const completion = new SharedCompletion();

function start(call: string): Worker {
  const url = import.meta.resolve("./shared_worker.ts");
  const worker = new Worker(url, { type: "module" });
  worker.postMessage({ buffer: completion.buffer, call });
  return worker;
}

await main({
  async thread() {
    const worker = start("complete");
    await completion.wait();
    worker.terminate();
    console.log("gone");
  },

  async timer() {
    Deno.unrefTimer(setTimeout(() => completion.complete(), 10));
    await completion.wait();
    console.log("gone");
  },

  async cancel() {
    const controller = new AbortController();
    const wait = completion.wait({ signal: controller.signal });
    setTimeout(() => controller.abort("cancelled"));
    await wait.catch(console.log);
  },

  "first timer"(what) {
    addEventListener("load", () => {
      const controller = new AbortController();
      queueMicrotask(() => {
        if (what === "was cancelled") return controller.abort();
        completion.complete();
        completion.tryWait();
      });
      const { signal } = controller;
      completion.wait({ signal }).catch(() => {})
        .then(() => console.log("gone"));
    });
  },

  async "exit of a thread"() {
    start("completeAndExit");
    await completion.wait();
    console.log("gone");
  },

  exit() {
    exitWithin(completion);
  },
});
