// Copyright 2026 the @ipc/barrier authors. MIT license.

// Starts and ends children one after the other, and prints what is left of them:
// `deno run leaks.ts <channel> <count>`.

import process from "node:process";
import { type BarrierChannelKind, spawnWithBarrier } from "../../mod.ts";
import type { Leaks } from "../_helpers/limits.ts";
import { inUse } from "./memory.ts";

const [channel, count] = Deno.args as [BarrierChannelKind, string];
const quarter = Number(count) / 4;
const script = channel === "fd"
  ? "echo >&3; read -r _ <&3; read -r _ <&3"
  : "printf '\\036\\n'; read -r _; read -r _";
const { signal } = new AbortController();

// V8 frees buffers in a thread of its own, a moment after they are garbage.
async function leastInUse(): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < 5; i++) {
    least = Math.min(least, inUse());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return least;
}

function descriptors(): number {
  return Array.from(Deno.readDirSync("/proc/self/fd")).length;
}

async function round(): Promise<void> {
  const command = ["sh", "-c", script] as const;
  await using child = spawnWithBarrier(command, { channel, signal });
  if (!await child.placeAndSync({ signal })) throw child.signal.reason;
}

for (let i = 0; i < 10; i++) await round();
const before = descriptors();
let growth = Infinity;
let used = await leastInUse();
for (let quarters = 0; quarters < 4; quarters++) {
  for (let i = 0; i < quarter; i++) await round();
  const now = await leastInUse();
  growth = Math.min(growth, (now - used) / quarter);
  used = now;
}
const children = Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/children`);
const leaks: Leaks = {
  descriptors: descriptors() - before,
  children: children.split(" ").filter(Boolean).length,
  // deno-lint-ignore no-explicit-any -- the types of Deno do not have it
  resources: (process as any).getActiveResourcesInfo(),
  growth,
};
console.log(JSON.stringify(leaks));
