// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Children of `deno run --watch`, which restarts a program in one process. */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async";
import { spawnWithBarrier } from "../../mod.ts";
import { CHANNELS } from "../_helpers/driver.ts";
import { childModule, dataUrl, json, readUntil } from "../_helpers/scripts.ts";
import { run, start } from "../_helpers/run.ts";
import { TempDir } from "../_helpers/temp_dir.ts";
import { test } from "../_helpers/unix.ts";

const LIBRARY = json(import.meta.resolve("../../mod.ts"));
const WATCH = import.meta.resolve("../../src/runtime/watch.ts");

/** Fails instead of hanging. */
const LIMIT = 60_000;

/**
 * Changes a module that is watched until an event has happened. Deno starts to
 * watch while the program runs, and does not see what changes earlier.
 */
async function changeUntil<T>(
  path: string,
  source: string,
  event: Promise<T>,
): Promise<T> {
  const change = () => Deno.writeTextFileSync(path, source += "\n");
  change();
  const timer = setInterval(change, 2_000);
  try {
    return await event;
  } finally {
    clearInterval(timer);
  }
}

for (const channel of CHANNELS) {
  for (
    const [where, end] of [
      ["while it waits", `await child.waitAbortion();`],
      ["after Deno.exit()", `Deno.exit();`],
    ]
  ) {
    test(`BarrierProcess over "${channel}" hangs up at a restart of deno run --watch ${where}`, async () => {
      await using directory = await TempDir.make();
      const main = `${directory.path}/main.ts`;
      const child = childModule(
        channel,
        `
        console.error("child waits");
        console.error("child was told", await barrier.waitNext());
        Deno.exit();
        `,
      );
      const source = `
        import { spawnWithBarrier } from ${LIBRARY};
        const options = { channel: "${channel}", exitGracePeriod: 1e9 };
        const child = spawnWithBarrier(${json(child)}, options);
        ${end}
      `;
      await Deno.writeTextFile(main, source);
      const process = start([
        Deno.execPath(),
        "run",
        "--watch",
        "--no-clear-screen",
        "--allow-run",
        "--allow-env",
        main,
      ], { stdin: "null", stdout: "null", env: { NO_COLOR: "1" } });
      const reader = process.stderr.getReader();
      const until = (text: string) => deadline(readUntil(reader, text), LIMIT);
      try {
        if (end === "Deno.exit();") {
          await until("child was told false\n");
        } else {
          await until("child waits\n");
          await changeUntil(main, source, until("child was told false\n"));
        }
      } finally {
        process.kill("SIGTERM");
        await reader.cancel();
        await process.status;
      }
    });
  }
}

test("inheritBarrier() below deno run --watch hangs up at a restart", async () => {
  await using directory = await TempDir.make();
  const main = `${directory.path}/main.ts`;
  const source = `
    import { inheritBarrier } from ${LIBRARY};
    const barrier = await inheritBarrier({ optional: true });
    barrier?.place("first run");
    await barrier?.waitNext();
  `;
  await Deno.writeTextFile(main, source);
  await using child = spawnWithBarrier(
    [Deno.execPath(), "run", "--watch", "--allow-env", main],
    { stderr: "null", stdin: "null" },
  );
  assertEquals(await deadline(child.ready(), LIMIT), "first run");
  await changeUntil(main, source, deadline(child.waitAbortion(), LIMIT));
  assertEquals(child.signal.reason?.kind ?? "closed", "closed");
});

for (
  const [what, flags, args, expected] of [
    ["0 where a program is not watched", ["--allow-all"], [], 0],
    ["600 ms with --watch", ["--allow-all"], ["--watch"], 600],
    ["600 ms with --hmr", ["--allow-all"], ["--hmr"], 600],
    ["600 ms where the program may not look", [], [], 600],
  ] as const
) {
  Deno.test({
    name: `restartGrace() is ${what}`,
    ignore: Deno.build.os !== "linux", // elsewhere no program can look
    async fn() {
      const module = dataUrl(`
        import { restartGrace } from ${json(WATCH)};
        console.log(restartGrace());
      `);
      // An argument of the program is as good as one of Deno.
      const { stdout } = await run(
        [Deno.execPath(), "run", "--no-prompt", ...flags, module, ...args],
        { env: { NO_COLOR: "1" } },
      );
      assertEquals(stdout, `${expected}\n`);
    },
  });
}
