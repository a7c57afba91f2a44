// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/spawn/spawn_error_test.ts.

import { type SpawnCommandOptions, spawnWithBarrier } from "../../mod.ts";
import { main } from "./main.ts";

function report(command: string, options?: SpawnCommandOptions): void {
  try {
    spawnWithBarrier([command], options);
  } catch (error) {
    const { name, message } = error as Error;
    console.log(name, message);
  }
}

await main({
  forbidden() {
    report("sh");
    report("true", { env: { LD_PRELOAD: "x" } });
    Deno.permissions.revokeSync({ name: "run" });
    report("true");
  },

  missing(tool) {
    report(tool!);
    report("no-such-command", { cwd: "/no/such" });
  },
});
