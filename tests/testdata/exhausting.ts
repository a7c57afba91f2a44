// Copyright 2026 the @ipc/barrier authors. MIT license.

// Starts children until that fails, and shows that all else goes on well.

import { type BarrierProcess, spawnWithBarrier } from "../../mod.ts";

function spawn(): BarrierProcess {
  return spawnWithBarrier(["sh", "-c", "echo >&3; read -r _ <&3"]);
}

function open(): number {
  return Array.from(Deno.readDirSync("/proc/self/fd")).length;
}

await using first = spawn();
await first.ready();
const before = open();
const children: BarrierProcess[] = [];
try {
  for (;;) children.push(spawn());
} catch (error) {
  console.log((error as Error).message);
}
const ready = await Promise.all(children.map((child) => child.waitNext()));
console.log(children.length > 0 && ready.every((isReady) => isReady));
await Promise.all(children.map((child) => child.stop()));
// Deno loses that of the call that failed, and may have opened two of its own.
// It closes the others a moment later.
const deadline = performance.now() + 20_000;
while (open() - before > 3 && performance.now() < deadline) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log(open() - before <= 3);
await using again = spawn();
console.log(await again.waitNext(), first.signal.aborted);
