// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What happens when there is no more of something, or very much of it. */

import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { CHANNELS } from "./_helpers/driver.ts";
import {
  crashTogether,
  GROWTH_MAX,
  measureLeaks,
  placeUnread,
  readFlood,
} from "./_helpers/limits.ts";
import { dirname } from "node:path";
import { LIBRARY, libraryFiles } from "./_helpers/library.ts";
import { isInstalled } from "./_helpers/programs.ts";
import { run } from "./_helpers/run.ts";
import { PARENT, startTestdata } from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { IS_UNIX, test } from "./_helpers/unix.ts";

const isLinux = IS_UNIX && Deno.build.os === "linux";

Deno.test({
  name:
    "spawnWithBarrier() says that there are no descriptors left, and loses none",
  ignore: !isLinux,
  async fn() {
    const { stdout, stderr } = await run([
      "sh",
      "-c",
      'ulimit -n 60; exec "$@"',
      "sh",
      Deno.execPath(),
      "run",
      "--allow-all",
      import.meta.resolve("./testdata/exhausting.ts"),
    ]);
    assertEquals(stderr, "");
    const [message, ...rest] = stdout.trim().split("\n");
    assertMatch(message!, /^Cannot spawn "sh": there are too many open files;/);
    assertEquals(rest, ["true", "true", "true false"]);
  },
});

Deno.test({
  name:
    "spawnWithBarrier() says that there are no processes left, and loses none",
  ignore: !isLinux || Deno.uid() !== 0 || !isInstalled("setpriv") ||
    !isInstalled("bash"),
  async fn() {
    // The limit is not root's. Another user cannot read what is root's, either.
    await using directory = await TempDir.make();
    const { path } = directory;
    const deno = `${path}/deno`;
    // To copy it takes a second.
    await Deno.link(Deno.execPath(), deno)
      .catch(() => Deno.copyFile(Deno.execPath(), deno));
    const parent = "tests/testdata/exhausting.ts";
    for (const file of [...await libraryFiles(), parent]) {
      const copy = `${path}/library/${file}`;
      await Deno.mkdir(dirname(copy), { recursive: true });
      await Deno.copyFile(new URL(file, LIBRARY), copy);
    }
    await Deno.chmod(path, 0o777);
    await run(["chmod", "-R", "a+rX", `${path}/library`]);
    // One who runs nothing else, as all processes of a user count, and another
    // each time, as those of the time before may not be gone.
    let somebody = 70_000 + 10 * Deno.pid;
    const exhaust = () =>
      run([
        "setpriv",
        `--reuid=${somebody}`,
        `--regid=${somebody}`,
        "--clear-groups",
        "bash",
        "-c",
        `
        unset DENO_COVERAGE_DIR # where this user may not write
        ulimit -u 60
        DENO_DIR=$0/$UID exec "$0/deno" run -A "$0/library/${parent}"
        `,
        path,
      ]);
    let { stdout, stderr } = await exhaust();
    // Threads count as well, and Deno ends when it needs one and gets none.
    for (let i = 0; i < 9 && stderr.includes("worker threads"); i++) {
      somebody++;
      ({ stdout, stderr } = await exhaust());
    }
    assertEquals(stderr, "");
    const [message, ...rest] = stdout.trim().split("\n");
    assertMatch(message!, /^Cannot spawn "sh": there are too many processes;/);
    assertEquals(rest, ["true", "true", "true false"]);
  },
});

test("BarrierProcess goes on and ends while nobody reads this process's stdout", async () => {
  const parent = startTestdata("unread_parent.ts", [], PARENT);
  assertEquals(await parent.stderr.text(), "done\nended\n");
  await Promise.all([parent.stdout.cancel(), parent.stdin.close()]);
  assertEquals((await parent.status).code, 0);
});

test("BarrierProcess is unharmed by others that crash in the same instant", async () => {
  await crashTogether(20);
});

Deno.test({
  name: "Barrier takes 40,000,000 newlines from a pipe in constant memory",
  ignore: !isLinux,
  async fn() {
    // The first flood lets V8's heap grow to its working size.
    await readFlood(40_000_000);
    assertLess(await readFlood(40_000_000), 32 * 1024 * 1024);
  },
});

for (const channel of CHANNELS) {
  Deno.test({
    name:
      `Barrier.sync() takes 50,000 barriers over "${channel}" that were placed while nobody read`,
    ignore: !isLinux,
    async fn() {
      await placeUnread(channel, 50_000);
    },
  });

  Deno.test({
    name: `BarrierProcess leaves nothing behind over "${channel}"`,
    ignore: !isLinux,
    async fn() {
      const count = 80;
      const { descriptors, children, resources, growth } = await measureLeaks(
        channel,
        count,
      );
      assert(descriptors <= 2, `${descriptors} descriptors`);
      assertEquals(children, 0);
      assertEquals(resources.filter((name) => name !== "TTYWrap"), []);
      // In Deno 2.8 node:child_process itself keeps 5 KB of each child.
      if (!Deno.version.deno.startsWith("2.8.")) {
        assert(growth < GROWTH_MAX, `${growth} bytes a child`);
      }
    },
  });
}
