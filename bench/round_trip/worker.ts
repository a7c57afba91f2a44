// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Round trips of a message between a worker and its parent, both sides of it.
 * Argument: the way ("step" or "strict").
 */

import { serveRoundTrips } from "../serve.mjs";
import { Signals } from "./signals.mjs";

declare const self: Worker & { name: string }; // seen from inside, it has the same shape

const signals = new Signals();

if ("postMessage" in globalThis) { // in the worker
  self.onmessage = () => signals.arrive();
  while (true) {
    if (self.name === "step") self.postMessage(0);
    await signals.next();
    if (self.name === "strict") self.postMessage(0);
  }
} else {
  const worker = new Worker(import.meta.url, {
    type: "module",
    name: Deno.args[0]!,
  });
  worker.onmessage = () => signals.arrive();
  await serveRoundTrips(() => {
    worker.postMessage(0);
    return signals.next();
  });
}
