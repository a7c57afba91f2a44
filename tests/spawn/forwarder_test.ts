// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { CHANNELS } from "../_helpers/driver.ts";
import { PYTHON } from "../_helpers/programs.ts";
import { run } from "../_helpers/run.ts";
import { PARENT, runTestdata, testdataCommand } from "../_helpers/scripts.ts";
import { IS_UNIX, test } from "../_helpers/unix.ts";

const PROGRAMS = "forwarder.ts";

for (const channel of CHANNELS) {
  Deno.test({
    name:
      `BarrierProcess reports a full disk once over "${channel}", and takes the barriers`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const deno = testdataCommand(PROGRAMS, ["full", channel]);
      const { stderr } = await run(
        ["sh", "-c", 'exec "$@" >/dev/full', "sh", ...deno],
      );
      const lines = stderr.trimEnd().split("\n");
      const report =
        "Cannot write what a child prints to stdout: No space left on device (os error 28)";
      assertEquals(lines.filter((line) => line === report), [report]);
      assertEquals(lines.filter((line) => line !== report), [
        "ready: up",
        "code: 3",
        "Child process (sh) exited with code 3",
        "No space left on device (os error 28)",
      ]);
    },
  });
}

test("BarrierProcess does not mix the lines of two children that it forwards", async () => {
  const { stdout } = await runTestdata(PROGRAMS, ["lines"], PARENT);
  const lines = stdout.split("\n");
  assertEquals(lines.pop(), "");
  assertEquals(lines.length, 60_000);
  assertEquals(lines.filter((line) => !/^(a{70}|b{70}|c{70})$/.test(line)), []);
});

/** What decides how much is written to stdout at a time. */
const PERMISSIONS: Record<string, string[]> = {
  "as one": ["--allow-all"],
  "in pieces": ["--allow-run", "--allow-env", "--allow-write"],
};

for (const way of Object.keys(PERMISSIONS)) {
  Deno.test({
    name:
      `BarrierProcess loses nothing that it forwards to a non-blocking stdout, ${way}`,
    ignore: !IS_UNIX || PYTHON === undefined,
    async fn() {
      const file = await Deno.makeTempFile();
      const nonBlocking =
        "import os, sys; os.set_blocking(1, False); os.execvp(sys.argv[1], sys.argv[1:])";
      const { stdout } = await run([
        "sh",
        "-c",
        '"$@" | { while [ -e "$file" ]; do sleep 0.01; done; cat; }',
        "sh",
        ...[...PYTHON!, "-c", nonBlocking],
        ...testdataCommand(PROGRAMS, ["pieces", file], PERMISSIONS[way]),
      ], { env: { file } });
      const counts = ["z", "a", "b"].map((name) =>
        stdout.split(name).length - 1
      );
      assertEquals(counts, [200_000, 600, 600]);
    },
  });
}
