// Copyright 2026 the @ipc/barrier authors. MIT license.

// The use of complete_and_exit() in chapter 5 of "Linux Device Drivers": a module
// that is unloaded asks its thread to stop, waits until the thread has exited, and
// only then cleans up what the thread used.
//
//     deno run --allow-read=. --allow-write examples/worker.ts

import { SharedCompletion } from "@ipc/barrier/completion";

const journal = await Deno.makeTempFile();
const started = new SharedCompletion();
const stop = new SharedCompletion();
const gone = new SharedCompletion();

const worker = new Worker(import.meta.resolve("./worker_thread.ts"), {
  type: "module",
});
worker.postMessage({
  journal,
  started: started.buffer,
  stop: stop.buffer,
  gone: gone.buffer,
});
await started.wait();

console.log("main: stop");
stop.complete();
await gone.wait();
console.log("main: it is gone, clean up");
await Deno.remove(journal);
