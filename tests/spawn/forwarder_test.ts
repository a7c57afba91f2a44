// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { CHANNELS } from "../_helpers/driver.ts";
import { PYTHON } from "../_helpers/programs.ts";
import { run } from "../_helpers/run.ts";
import { json, parentModule, runParent } from "../_helpers/scripts.ts";
import { IS_UNIX, test } from "../_helpers/unix.ts";

const { execPath } = Deno;

for (const channel of CHANNELS) {
  Deno.test({
    name:
      `BarrierProcess reports a full disk once over "${channel}", and takes the barriers`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const place = channel === "fd" ? "echo up >&3" : "printf '\\036+up\\n'";
      const script = `echo one; ${place}; read -r _ <&${
        channel === "fd" ? 3 : 0
      }; echo two; exit 3`;
      const parent = parentModule(`
        await using child = spawnWithBarrier(["sh", "-c", ${json(script)}], {
          channel: "${channel}",
        });
        console.error("ready:", await child.ready());
        child.place();
        console.error("code:", (await child.status).code);
        const { reason } = child.signal;
        console.error(reason.message.replace(/\\d+ /, ""));
        console.error(reason.cause.message);
      `);
      const { stderr } = await run(
        [
          "sh",
          "-c",
          'exec "$@" >/dev/full',
          "sh",
          execPath(),
          "run",
          "-A",
          parent,
        ],
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
  const { stdout } = await runParent(`
    const print = (name) => spawnWithBarrier([
      "sh",
      "-c",
      "yes " + name.repeat(70) + " | head -n 20000",
    ]).status;
    await Promise.all(["a", "b", "c"].map(print));
  `);
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
      // The first child prints more than a pipe holds, the others no whole line.
      const print = (length: number, name: string) =>
        `spawnWithBarrier(["sh", "-c", ${
          json(`head -c ${length} /dev/zero | tr '\\0' ${name}`)
        }])`;
      const parent = parentModule(`
      const first = ${print(200_000, "z")};
      await first.exited;
      const children = [first, ${print(600, "a")}, ${print(600, "b")}];
      await Promise.all(children.map((child) => child.exited));
      Deno.removeSync(Deno.args[0]); // now the reader begins
      await Promise.all(children.map((child) => child.status));
    `);
      const file = await Deno.makeTempFile();
      const nonBlocking =
        "import os, sys; os.set_blocking(1, False); os.execvp(sys.argv[1], sys.argv[1:])";
      const { stdout } = await run([
        "sh",
        "-c",
        '"$@" | { while [ -e "$file" ]; do sleep 0.01; done; cat; }',
        "sh",
        ...[...PYTHON!, "-c", nonBlocking],
        ...[execPath(), "run", ...PERMISSIONS[way]!, parent, file],
      ], { env: { file } });
      const counts = ["z", "a", "b"].map((name) =>
        stdout.split(name).length - 1
      );
      assertEquals(counts, [200_000, 600, 600]);
    },
  });
}
