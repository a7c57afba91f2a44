// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers that a program hands on to the one that it becomes with `exec`. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { spawnWithBarrier } from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { isInstalled, knowsInherited } from "./_helpers/programs.ts";
import { childModule, inheritingModule } from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";

const ignore = !isInstalled("bash");
const PROTOCOL = await Deno.readTextFile(
  `${import.meta.dirname}/../PROTOCOL.md`,
);

/** Shows how far a counter is from 0: nothing matches what is placed last. */
const COUNT = `
  console.error(await barrier.sync());
  barrier.place();
  console.error(await barrier.sync());
`;

Deno.test({
  name: "PROTOCOL.md shows how inheritBarrier() goes on where bash left off",
  ignore,
  fn: async () => {
    const script = /```bash\n(.+?)```/s.exec(PROTOCOL)![1]!;
    await using directory = await TempDir.make();
    await Deno.symlink(Deno.execPath(), `${directory.path}/deno`);
    await Deno.writeTextFile(
      `${directory.path}/child.ts`,
      `import "${childModule("fd", COUNT)}";`,
    );
    await using child = spawnWithBarrier(["bash", "-c", script], {
      cwd: directory.path,
      env: { PATH: `${directory.path}:${Deno.env.get("PATH")}` },
      stderr: "piped",
    });
    assert(await child.waitNext());
    child.place();
    child.destroy();
    assertEquals(await child.stderr.text(), "true\nfalse\n");
  },
});

for (
  const [what, pattern, error] of [
    ["takes descriptor 7", /```\n(BARRIER_CHANNEL=.+?)```/s, undefined],
    [
      "does not take descriptor 7",
      /```\n(BARRIER_CHANNEL=.+?\n)/,
      "BadResource",
    ],
  ] as const
) {
  const variables = pattern.exec(PROTOCOL)![1]!.trim().replaceAll("\n", " ");

  Deno.test({
    name: `PROTOCOL.md shows when inheritBarrier() ${what}`,
    ignore: ignore || !knowsInherited(),
    fn: async () => {
      const body = `
        const barrier = await inheritBarrier().catch((error) => error);
        console.error(barrier.name);
        barrier.place?.("from 7");
      `;
      const script = `
        exec 7<&3 3<&-
        unset DENO_EXTRA_STDIO_FDS
        export ${variables}
        exec "$@"
      `;
      await using child = spawnWithBarrier(["bash", "-c", script, "bash"], {
        args: [Deno.execPath(), "run", "--allow-env", inheritingModule(body)],
        stderr: "piped",
      });
      assertEquals(await child.waitNext(), error === undefined);
      assertEquals(child.note, error === undefined ? "from 7" : undefined);
      assertEquals(await child.stderr.text(), `${error}\n`);
    },
  });
}

for (const channel of CHANNELS) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test({ name, ignore, fn });
  const [input, output, rs] = channel === "fd" ? [3, 3, ""] : [0, 1, "\\036"];

  /** Runs a script with a Deno program as its `"$@"`. */
  const bash = (script: string, body: string) =>
    spawnWithBarrier(["bash", "-c", script, "bash", Deno.execPath(), "run"], {
      args: ["--allow-env=BARRIER_STATE", childModule(channel, body)],
      channel,
      env: { NO_COLOR: "1" },
      stderr: "piped",
    });

  for (const placed of [0, 1]) {
    test(`inheritBarrier() goes on over "${channel}" with a barrier that bash placed, and ${placed} to match it`, async () => {
      await using child = bash(
        `
        printf '${rs}\\n' >&${output}
        export BARRIER_STATE=1
        exec "$@"
        `,
        COUNT,
      );
      assert(await child.waitNext());
      for (let i = 0; i < placed; i++) child.place();
      child.destroy();
      assertEquals(await child.stderr.text(), `${placed === 1}\nfalse\n`);
    });
  }

  for (const placed of [1, 2]) {
    test(`inheritBarrier() goes on over "${channel}" with barriers of two programs, and ${placed} to match them`, async () => {
      await using child = bash(
        `
        printf '${rs}+first\\n' >&${output}
        export BARRIER_STATE=1
        exec bash -c '
          printf "${rs}+second\\n" >&${output}
          BARRIER_STATE=$((BARRIER_STATE + 1))
          exec "$@"
        ' bash "$@"
        `,
        COUNT,
      );
      while (child.note !== "second") assert(await child.waitNext());
      for (let i = 0; i < placed; i++) child.place();
      child.destroy();
      assertEquals(await child.stderr.text(), `${placed === 2}\nfalse\n`);
    });
  }

  test(`inheritBarrier() goes on over "${channel}" after a barrier that bash took`, async () => {
    await using child = bash(
      `
      read -r _ <&${input}
      export BARRIER_STATE=-1
      exec "$@"
      `,
      `barrier.place("one"); ${COUNT}`,
    );
    child.place("one");
    child.destroy();
    assertEquals(await child.stderr.text(), "true\nfalse\n");
  });

  test(`inheritBarrier() takes BARRIER_STATE out of the environment over "${channel}"`, async () => {
    await using child = bash(
      'export BARRIER_STATE=0; exec "$@"',
      "console.error(Deno.env.get('BARRIER_STATE'));",
    );
    assertEquals(await child.stderr.text(), "undefined\n");
  });

  const states = ["many", "1.5", "9007199254740992", ""];
  // It is read in the same way over both.
  for (const state of channel === "fd" ? states : states.slice(0, 1)) {
    test(`inheritBarrier() rejects over "${channel}" when BARRIER_STATE is "${state}"`, async () => {
      await using child = bash(
        `
        printf '${rs}\\n' >&${output}
        export BARRIER_STATE="${state}"
        exec "$@"
        `,
        COUNT,
      );
      assert(await child.waitNext());
      child.destroy();
      assertStringIncludes(
        await child.stderr.text(),
        `TypeError: Cannot inherit a barrier: BARRIER_STATE must be a number of barriers, received "${state}"\n`,
      );
      assertEquals((await child.status).code, 1);
    });
  }
}
