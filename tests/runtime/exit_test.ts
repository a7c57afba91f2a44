// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals, assertInstanceOf } from "@std/assert";
import { BarrierAbortedError } from "../../mod.ts";
import { CHANNELS } from "../_helpers/driver.ts";
import { run } from "../_helpers/run.ts";
import { dataUrl, json, shell } from "../_helpers/scripts.ts";
import { TempDir } from "../_helpers/temp_dir.ts";

// Signals that Deno has no names for. It keeps a resource of such a child.

/** Blocks this process until another one has exited, which it does not notice. */
function blockUntilExit(pid: number): void {
  new Deno.Command("sh", {
    args: ["-c", `until grep -q State:.Z /proc/${pid}/status; do :; done`],
  }).outputSync();
}

for (const channel of CHANNELS) {
  Deno.test({
    name:
      `BarrierProcess.status has the real-time signal of each child over "${channel}"`,
    ignore: Deno.build.os !== "linux",
    sanitizeResources: false,
    async fn() {
      await using directory = await TempDir.make();
      const file = `${directory.path}/file`;
      await using late = shell(
        `until [ -e ${file} ]; do :; done; kill -34 $$`,
        { channel },
      );
      await using early = shell("kill -64 $$", { channel });
      await using ordinary = shell("exit 7", { channel });
      // All are noticed in the same turn of the event loop.
      blockUntilExit(early.pid);
      blockUntilExit(ordinary.pid);
      Deno.writeTextFileSync(file, "");
      blockUntilExit(late.pid);
      const children = [late, early, ordinary];
      const statuses = await Promise.all(children.map(({ status }) => status));
      assertEquals(statuses.map(({ code }) => code), [162, 192, 7]);
      const { reason } = late.signal;
      assertInstanceOf(reason, BarrierAbortedError);
      assertEquals(reason.status, { success: false, code: 162, signal: null });
    },
  });
}

for (const kind of ["program", "worker"]) {
  Deno.test({
    name:
      `spawnWithBarrier() keeps a real-time signal's error from a ${kind} and its own listeners`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const parent = import.meta.resolve("../testdata/real_time_signal.ts");
      const worker = `new Worker(${json(parent)}, { type: "module" });`;
      const { code, stdout, stderr } = await run([
        Deno.execPath(),
        "run",
        "--allow-all",
        kind === "worker" ? dataUrl(worker) : parent,
      ]);
      assertEquals({ code, stdout, stderr }, {
        code: 0,
        stdout: "162\nunhandled: Invalid signal: 34\n",
        stderr: "",
      });
    },
  });
}
