// Copyright 2026 the @ipc/barrier authors. MIT license.

/** A peer that sends whatever it likes. `deno task soak` has it send more. */

import { assertEquals, assertLess } from "@std/assert";
import {
  checkHostile,
  checkHostileChildren,
  checkReadyLines,
} from "./_helpers/hostile.ts";
import { runTestdata } from "./_helpers/scripts.ts";
import { test } from "./_helpers/unix.ts";

Deno.test("Barrier reads whatever a peer sends as PROTOCOL.md says, split anywhere", async () => {
  await checkHostile({ cases: 1_000 });
});

for (const source of ["fd", "stdout"] as const) {
  test(`BarrierProcess reads whatever a child writes to its "${source}" as PROTOCOL.md says`, async () => {
    await checkHostileChildren(source, { cases: 15 });
  });
}

test("BarrierProcess gives only what can be shown of a readyLine, whatever a child prints", async () => {
  await checkReadyLines({ cases: 8 });
});

Deno.test("Barrier keeps nothing of a flood, whatever it is made of", async () => {
  const { stdout, stderr } = await runTestdata("flood_of_lines.ts", [], [
    "--v8-flags=--expose-gc",
  ]);
  assertEquals(stderr, "");
  const growths = stdout.trim().split("\n").map(Number);
  assertEquals(growths.length, 14);
  for (const growth of growths) assertLess(growth, 1024 * 1024);
});
