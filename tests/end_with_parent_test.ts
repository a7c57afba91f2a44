// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Children that end with this process, though they cannot see it exit. */

import { assert, assertEquals } from "@std/assert";
import { Program } from "./_helpers/program.ts";
import { STOPPING } from "./_helpers/signals.ts";
import { test } from "./_helpers/unix.ts";

/** Ends a parent of one child by a signal, and says how both ended. */
async function endParent(
  options: string,
  signal: Deno.Signal,
): Promise<{ parent: string | null; isChildAlive: boolean }> {
  await using program = new Program(`
    const server = spawnWithBarrier(["sh", "-c", "echo up; exec sleep 1000"], {
      readyLine: /up/,
      stdout: "null",
      ...${options},
    });
    await server.ready();
    console.log(server.pid);
    await server.status;
  `);
  const pid = Number(await program.until("\n"));
  assert(pid > 0);
  program.kill(signal);
  const { status } = await program.ended();
  let isChildAlive = true;
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    isChildAlive = false;
  }
  return { parent: status.signal, isChildAlive };
}

for (const [signal] of STOPPING) {
  for (const options of ["{}", "{ processGroup: true }"]) {
    test(`spawnWithBarrier() with ${options} stops a child with 'readyLine' at ${signal}`, async () => {
      assertEquals(await endParent(options, signal), {
        parent: signal,
        isChildAlive: false,
      });
    });
  }
}

test("spawnWithBarrier() leaves a child alone with 'endWithParent' false", async () => {
  const options = "{ endWithParent: false }";
  assertEquals(await endParent(options, "SIGINT"), {
    parent: "SIGINT",
    isChildAlive: true,
  });
});
