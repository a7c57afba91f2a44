// Copyright 2026 the @ipc/barrier authors. MIT license.

// Stops a child whose output nobody has read, and prints how many of its pipes
// are still open.

import { spawnWithBarrier } from "../../mod.ts";
import { untilBlocked } from "./blocked_writer.ts";

function pipes(): number {
  const open = Array.from(Deno.readDirSync("/proc/self/fd"));
  return open.filter(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`).startsWith("pipe:");
    } catch {
      return false; // it was open to read that directory
    }
  }).length;
}

const before = pipes();
{
  await using child = spawnWithBarrier(
    ["head", "-c", "40000000", "/dev/zero"],
    { stdout: "piped", processGroup: true },
  );
  await untilBlocked(child.pid);
}
// Deno closes it a moment after it has read the end.
const deadline = performance.now() + 20_000;
while (pipes() > before && performance.now() < deadline) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log(pipes() - before);
