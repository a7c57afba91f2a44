// Copyright 2026 the @ipc/barrier authors. MIT license.

import { SharedCompletion } from "@ipc/barrier/completion";
import type { Completions } from "./children/thread.ts";
import {
  compare,
  type Comparison,
  type Measurement,
  ratio,
  type Row,
} from "./old_compare.ts";

/** The round trips of a slice; 20 slices are a run. */
const ROUNDS = 1_000;
const RUNS = { runs: 7, slices: 20 };

/** Completions between threads, with an event loop at both ends or at one. */
export async function* threads(): AsyncGenerator<Row> {
  yield ratio(
    "SharedCompletion round trip by wait() / Atomics.waitAsync()",
    1.2,
    await compareThreads(byCompletions(false), byFlags),
  );
  yield ratio(
    "SharedCompletion round trip by wait() / postMessage()",
    1,
    await compareThreads(byCompletions(false), byMessages),
  );
  yield ratio(
    "SharedCompletion round trip by wait() and waitSync() / postMessage()",
    1,
    await compareThreads(byCompletions(true), byMessages),
  );
}

/** Tells a worker how to answer, and returns what measures that. */
type Connect = (worker: Worker) => Measurement;

function compareThreads(ours: Connect, peer: Connect): Promise<Comparison> {
  return compare(ours(startWorker()), peer(startWorker()), RUNS);
}

function startWorker(): Worker {
  const module = import.meta.resolve("./children/thread.ts");
  return new Worker(module, { type: "module" });
}

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
      const start = performance.now();
      for (let i = 0; i < ROUNDS; i++) {
        ping.complete();
        await pong.wait();
      }
      return performance.now() - start;
    };
  };
}

function byFlags(worker: Worker): Measurement {
  const flags = new Int32Array(new SharedArrayBuffer(8));
  worker.postMessage(flags);
  return async () => {
    const start = performance.now();
    for (let i = 0; i < ROUNDS; i++) {
      Atomics.store(flags, 0, 1);
      Atomics.notify(flags, 0);
      await Atomics.waitAsync(flags, 1, 0).value;
      Atomics.store(flags, 1, 0);
    }
    return performance.now() - start;
  };
}

function byMessages(worker: Worker): Measurement {
  return async () => {
    const start = performance.now();
    for (let i = 0; i < ROUNDS; i++) {
      const pong = new Promise((resolve) => worker.onmessage = resolve);
      worker.postMessage(null);
      await pong;
    }
    return performance.now() - start;
  };
}
