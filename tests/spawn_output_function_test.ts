// Copyright 2026 the @ipc/barrier authors. MIT license.

/** A function that is called with each line that a child prints. */

import { assert, assertEquals } from "@std/assert";
import { CHANNELS } from "./_helpers/driver.ts";
import { runParent, shell } from "./_helpers/scripts.ts";
import { test } from "./_helpers/unix.ts";

for (const channel of CHANNELS) {
  const place = channel === "fd" ? "echo >&3" : "printf '\\036\\n'";
  const read = channel === "fd" ? "read -r _ <&3" : "read -r _";

  test(`spawnWithBarrier() calls a function with each line as it was printed over "${channel}"`, async () => {
    const lines: string[] = [];
    const errors: string[] = [];
    await using child = shell(
      `printf '\\033[1mone\\033[0m\\r\\n\\ntwo'; echo problem >&2; exit 1`,
      {
        channel,
        stdout: (line) => lines.push(line),
        stderr: (line) => errors.push(line),
      },
    );
    await child.status;
    assertEquals(lines, ["\x1b[1mone\x1b[0m", "", "two"]);
    assertEquals(errors, ["problem"]);
  });

  test(`spawnWithBarrier() calls a function before the barrier after a line over "${channel}"`, async () => {
    const events: string[] = [];
    await using child = shell(
      `i=0; while [ $i -lt 100 ]; do echo $i; ${place}; ${read}; i=$((i + 1)); done`,
      {
        channel,
        stdout: (line) => events.push(line),
      },
    );
    for (let i = 0; i < 100; i++) {
      await child.receive();
      assertEquals(events.at(-1), `${i}`);
      child.place();
    }
    assertEquals(events.length, 100);
  });

  test(`spawnWithBarrier() calls a function before it reports the exit over "${channel}"`, async () => {
    const lines: string[] = [];
    await using child = shell("printf 'last words'; kill -9 $$", {
      channel,
      stdout: (line) => lines.push(line),
    });
    await child.waitAbortion();
    assertEquals(lines, ["last words"]);
  });
}

test("spawnWithBarrier() calls a function with a last line that its group could go on with", async () => {
  const lines: string[] = [];
  await using child = shell(`sleep 1000 & printf 'one\\ntwo'`, {
    processGroup: true,
    stdout: (line) => lines.push(line),
  });
  await child.finished();
  assertEquals(lines, ["one", "two"]);
});

test("spawnWithBarrier() finds a readyLine in an output that a function gets", async () => {
  const lines: string[] = [];
  await using child = shell("echo one; echo port 80; exec sleep 1000", {
    readyLine: /port (\d+)/,
    stdout: (line) => lines.push(line),
  });
  assertEquals(await child.ready(), "80");
  assertEquals(lines, ["one", "port 80"]);
});

test("spawnWithBarrier() keeps a parent until a function was called with the last line", async () => {
  const { stdout, code } = await runParent(`
    spawnWithBarrier(["sh", "-c", "sleep 0.1; echo one; printf two"], {
      stdout: (line) => console.log("got", line),
    });
  `);
  assertEquals(stdout, "got one\ngot two\n");
  assertEquals(code, 0);
});

test("spawnWithBarrier() reports what a function throws as an uncaught error", async () => {
  const { stderr, code } = await runParent(`
    const child = spawnWithBarrier(["sh", "-c", "echo one; exec cat <&3"], {
      stdout: (line) => { throw new Error("thrown at " + line); },
    });
    await child.status;
  `);
  assertEquals(code, 1);
  assert(stderr.includes("Error: thrown at one"), stderr);
});
