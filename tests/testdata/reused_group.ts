// Copyright 2026 the @ipc/barrier authors. MIT license.

// Gives the process ID of a child that has exited to a group of another session.
// Runs in a PID namespace of its own, where nobody else starts processes, and
// whose processes end with this one: `deno run reused_group.ts <channel>`.

import { type BarrierChannelKind, spawnWithBarrier } from "../../mod.ts";

/** Makes a group that has this number and whose leader has exited. */
async function makeGroup(pid: number): Promise<number> {
  const command = new Deno.Command("setsid", {
    args: ["sh", "-c", "sleep 1000 >&- 2>&- & echo $!"],
    stdin: "null",
    stdout: "piped",
  });
  for (;;) {
    Deno.writeTextFileSync("/proc/sys/kernel/ns_last_pid", `${pid - 1}`);
    const leader = command.spawn();
    const member = Number(await leader.stdout.text());
    await leader.status;
    // A thread of this process may have got the number.
    if (leader.pid === pid) return member;
    Deno.kill(member, "SIGKILL");
  }
}

let member: number;
{
  await using child = spawnWithBarrier(["true"], {
    channel: Deno.args[0] as BarrierChannelKind,
    processGroup: true,
  });
  await child.status;
  member = await makeGroup(child.pid);
  try {
    child.kill();
  } catch (error) {
    console.log(String(error).replace(String(child.pid), "PID"));
  }
}
const status = Deno.readTextFileSync(`/proc/${member}/status`);
console.log(!/^State:\s+[ZX]/m.test(status)); // it lives
Deno.exit(); // and all other processes
