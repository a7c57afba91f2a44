// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Round trips between this thread and a worker. Argument: by what means. */

import { SharedCompletion } from "@ipc/barrier/completion";
import { serveRoundTrips } from "../serve.mjs";
import type { Completions } from "./worker.ts";

/** Sends a worker what it needs to answer, and returns a function for a round trip. */
type Connect = (worker: Worker) => () => Promise<void>;

const MEANS: Record<string, Connect> = {
  "wait": byCompletions(false),
  "waitSync": byCompletions(true),
  "waitAsync": byFlags,
  "postMessage": byMessages,
};
const worker = new Worker(import.meta.resolve("./worker.ts"), {
  type: "module",
});
await serveRoundTrips(MEANS[Deno.args[0]!]!(worker));

function byCompletions(blocking: boolean): Connect {
  return (worker) => {
    const ping = new SharedCompletion();
    const pong = new SharedCompletion();
    const completions: Completions = {
      ping: ping.buffer,
      pong: pong.buffer,
      blocking,
    };
    worker.postMessage(completions);
    return async () => {
      ping.complete();
      await pong.wait();
    };
  };
}

function byFlags(worker: Worker): () => Promise<void> {
  const flags = new Int32Array(new SharedArrayBuffer(8));
  worker.postMessage(flags);
  return async () => {
    Atomics.store(flags, 0, 1);
    Atomics.notify(flags, 0);
    await Atomics.waitAsync(flags, 1, 0).value;
    Atomics.store(flags, 1, 0);
  };
}

function byMessages(worker: Worker): () => Promise<void> {
  return async () => {
    const pong = new Promise((resolve) => worker.onmessage = resolve);
    worker.postMessage(null);
    await pong;
  };
}
