// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Round trips of a message by `fork()`, both sides of it, under Deno and under
 * Node. Argument: the way ("step" or "strict").
 */

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { serveRoundTrips } from "../serve.mjs";
import { Signals } from "./signals.mjs";

// Imported, it would open stdin under Node.
const { process } = globalThis;
const [way, side] = process.argv.slice(2);

if (side === "child") {
  const signals = new Signals();
  process.on("message", () => signals.arrive());
  while (true) {
    if (way === "step") process.send(0);
    await signals.next();
    if (way === "strict") process.send(0);
  }
} else {
  const child = fork(fileURLToPath(import.meta.url), [way, "child"], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  process.once("exit", () => child.kill());
  const signals = new Signals();
  child.on("message", () => signals.arrive());
  await serveRoundTrips(() => {
    child.send(0);
    return signals.next();
  });
}
