// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/spawn/process_group_test.ts.

import { ChildProcess } from "node:child_process";
import { spawnWithBarrier } from "../../mod.ts";
import { main } from "./main.ts";

await main({
  async "revoked permission"() {
    const child = spawnWithBarrier(
      ["sh", "-c", "sleep 1000 2>&- & echo $! >&3"],
      { processGroup: true },
    );
    console.log(await child.ready());
    await child.exited;
    Deno.permissions.revokeSync({ name: "run" });
    const { name, message } = await child.stop().catch((error) => error);
    console.log(name, message.replace(child.pid, "PID"));
  },

  "refused signal"() {
    const child = spawnWithBarrier(["true"]);
    ChildProcess.prototype.kill = () => false;
    try {
      child.kill();
    } catch (error) {
      console.log((error as Error).message.replace(`${child.pid}`, "PID"));
    }
  },

  async make(makefile) {
    const command = ["make", "--no-print-directory", "-f", makefile!, "jobs"];
    await using child = spawnWithBarrier(command as [string, ...string[]], {
      channel: "fd:9",
      stdout: "piped",
      stderr: "forward",
    });
    // A token more would be a job more at a time, a token less one less.
    for (let i = 0; i < 100; i++) child.place();
    const output = await child.stdout.text();
    const note = await child.ready();
    const { code } = await child.status;
    const jobs = output.split("\n").filter((line) => line.startsWith("job"));
    console.log(code, note, jobs.length);
  },
});
