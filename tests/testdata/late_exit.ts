// Copyright 2026 the @ipc/barrier authors. MIT license.

// Stops children of which it cannot find out whether they run, as it is allowed
// to run `sh` alone. One has exited, which it has not noticed. The other runs.

import { ChildProcess } from "node:child_process";
import { spawnWithBarrier } from "../../mod.ts";

// A system that refuses a signal, and a process that has been reaped, look alike.
ChildProcess.prototype.kill = () => false;
{
  await using child = spawnWithBarrier(["sh", "-c", ":"]);
  const script = 'while ps -o stat= -p "$0" | grep -vq Z; do :; done';
  const args = ["-c", script, String(child.pid)];
  new Deno.Command("sh", { args }).outputSync();
  try {
    child.kill();
  } catch (error) {
    console.log((error as Error).name);
  }
}
console.log("ended");
const child = spawnWithBarrier(["sh", "-c", "sleep 4"], {
  stderr: "null", // or this process's end would wait for it
});
await child.stop().catch(({ name }) => console.log(name));
Deno.exit();
