// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Small promises of the spawn helper that nothing else would miss. */

import { assert, assertEquals, assertFalse } from "@std/assert";
import { within } from "../src/runtime/timers.ts";
import { spawnWithBarrier } from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import {
  childModule,
  json,
  runParent,
  shell,
  startParent,
} from "./_helpers/scripts.ts";
import { test } from "./_helpers/unix.ts";

const BLOCKED_WRITER = import.meta.resolve("./testdata/blocked_writer.ts");

for (const channel of CHANNELS) {
  Deno.test(`Barrier.destroy() right after 1,000 places of one turn delivers them all over "${channel}"`, async () => {
    await using child = spawnWithBarrier(
      childModule(
        channel,
        "for (let i = 0; i < 1_000; i++) barrier.place(); barrier.destroy();",
      ),
      { channel },
    );
    for (let i = 0; i < 1_000; i++) child.place();
    assert(await child.sync());
    child.place();
    assertFalse(await child.sync());
  });

  test(`Barrier.destroy() in a parent right after 1,000 places of one turn delivers them all over "${channel}"`, async () => {
    const input = channel === "fd" ? 3 : 0;
    await using child = shell(
      `i=0; while read -r _ <&${input}; do i=$((i + 1)); done; echo $i >&2`,
      { channel, stderr: "piped", exitGracePeriod: 60_000 },
    );
    for (let i = 0; i < 1_000; i++) child.place();
    child.destroy();
    assertEquals(await child.stderr.text(), "1000\n");
  });
}

test("spawnWithBarrier() with 'clearEnv' gives the child nothing of this process's environment", async () => {
  await using child = spawnWithBarrier(
    ["/bin/sh", "-c", 'echo "${PATH_OF_TEST-unset} ${ONLY-unset}" >&3'],
    { clearEnv: true, env: { ONLY: "this" } },
  );
  assertEquals(await child.ready(), "unset this");
  Deno.env.set("PATH_OF_TEST", "here");
  try {
    await using inherits = shell('echo "${PATH_OF_TEST-unset}" >&3');
    assertEquals(await inherits.ready(), "here");
    await using cleared = spawnWithBarrier(
      ["/bin/sh", "-c", 'echo "${PATH_OF_TEST-unset}" >&3'],
      { clearEnv: true },
    );
    assertEquals(await cleared.ready(), "unset");
  } finally {
    Deno.env.delete("PATH_OF_TEST");
  }
});

Deno.test("within() leaves no timer behind, whichever is first", async () => {
  await within(60_000, Promise.resolve());
  await within(1, new Promise(() => {}), { persistent: true });
});

for (const stdout of ["piped", "forward"] as const) {
  Deno.test({
    name:
      `BarrierProcess lets a child wait that is 16 MiB ahead of the reader of its "${stdout}" output`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const { stderr } = await runBlocked(`
        const { untilBlocked } = await import(${json(BLOCKED_WRITER)});
        const command = ["head", "-c", "64000000", "/dev/zero"];
        const child = spawnWithBarrier(command, { stdout: "${stdout}" });
        console.error(await untilBlocked(child.pid));
        ${stdout === "piped" ? "await child.stdout.cancel();" : ""}
        child.kill("SIGKILL");
        Deno.exit();
      `);
      // The pipes hold a little as well.
      const mebibytes = Number(stderr) / 1024 / 1024;
      assert(mebibytes >= 15 && mebibytes < 18, stderr);
    },
  });
}

/** Runs a parent whose stdout nobody reads before it has ended. */
async function runBlocked(body: string): Promise<{ stderr: string }> {
  const parent = startParent(body, ["--allow-all"]);
  const stderr = await new Response(parent.stderr).text();
  await parent.stdout.cancel();
  await parent.stdin.close();
  await parent.status;
  return { stderr };
}

test("BarrierProcess.ref() and unref() do nothing to a child that is gone", async () => {
  const { code, stdout } = await runParent(`
    const child = spawnWithBarrier(["true"]);
    await child.status;
    child.ref();
    console.log("leaves");
  `);
  assertEquals({ code, stdout }, { code: 0, stdout: "leaves\n" });
});
