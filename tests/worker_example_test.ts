// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals, assertExists } from "@std/assert";

Deno.test("examples/worker.ts cleans up when its thread is gone", async () => {
  const root = new URL("../", import.meta.url);
  const source = await Deno.readTextFile(new URL("examples/worker.ts", root));
  const command = /^\/\/ {5}deno (run .+)$/m.exec(source)?.[1];
  assertExists(command);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: command.split(" "),
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(60_000), // one that hangs has failed
  }).output();
  const decoder = new TextDecoder();
  assertEquals(decoder.decode(stderr), "");
  assertEquals(
    decoder.decode(stdout),
    `\
thread: at work
main: stop
thread: the last entry
main: it is gone, clean up
`,
  );
  assertEquals(code, 0);
});
