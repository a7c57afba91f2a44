// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { runParent } from "../_helpers/scripts.ts";
import { test } from "../_helpers/unix.ts";

test("SpawnedChannel.ref() keeps the process alive after the socket was destroyed", async () => {
  // The child is unreferenced, so only the pending wait keeps the parent alive.
  const { stdout } = await runParent(`
    const script = "exec 3>&-; echo closed; sleep 0.5; echo ready";
    const child = spawnWithBarrier(["sh", "-c", script], { readyLine: /closed|ready/ });
    child.unref();
    await child.waitNext();
    child.waitNext().then((result) => console.log(result, child.note));
  `);
  assertEquals(stdout, "closed\nready\ntrue ready\n");
});
