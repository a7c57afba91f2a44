// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * A parent whose child a real-time signal kills. It sees errors of its own alone,
 * even one that has the same message.
 */

import process from "node:process";
import { spawnWithBarrier } from "../../mod.ts";

const child = spawnWithBarrier(["sh", "-c", "kill -34 $$"]);
process.on("unhandledRejection", (error: Error) => {
  console.log(`unhandled: ${error.message}`);
});
console.log((await child.exited).code);
const other = spawnWithBarrier(["sh", "-c", "read -r _ <&3"]);
Promise.reject(new TypeError("Invalid signal: 34"));
await new Promise((resolve) => setTimeout(resolve));
other.destroy();
await other.status;
Deno.exit(); // a worker too
