// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Children that start programs of their own. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { spawnWithBarrier } from "../mod.ts";
import { isInstalled, knowsInherited } from "./_helpers/programs.ts";
import { json, runParent, shell } from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { IS_UNIX, test } from "./_helpers/unix.ts";

/** The processes whose command line has a word, which no other has. */
async function processesWith(word: string): Promise<string[]> {
  const found = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    const path = `/proc/${name}`;
    const command = await Deno.readTextFile(`${path}/cmdline`).catch(() => "");
    // One that is dead, and that its parent has not looked at, has no command.
    if (command.includes(word)) found.push(command.replaceAll("\0", " "));
  }
  return found;
}

const ignore = !IS_UNIX || Deno.build.os !== "linux";

for (
  const [what, script] of [
    ["a server in the background", "sleep MARK & echo >&3; wait"],
    ["a pipeline", "echo >&3; sleep MARK | cat"],
    [
      "a wrapper that does not pass signals on",
      "trap '' TERM; echo >&3; sleep MARK",
    ],
    [
      "a program in the background that ignores the signal",
      `(trap '' TERM; exec sleep MARK) & echo >&3; wait`,
    ],
    ["a wrapper that leaves first", "sleep MARK & echo >&3; exit 0"],
  ] as const
) {
  Deno.test({
    name:
      `BarrierProcess[Symbol.asyncDispose]() leaves nothing behind of ${what} with a process group`,
    ignore,
    async fn() {
      const mark = `1000.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
      {
        await using child = shell(script.replaceAll("MARK", mark), {
          processGroup: true,
          stopGracePeriod: 200,
        });
        assert(await child.waitNext());
      }
      assertEquals(await processesWith(mark), []);
    },
  });
}

Deno.test({
  name:
    "BarrierProcess[Symbol.asyncDispose]() leaves nothing behind of 'npm run' with a process group",
  ignore: ignore || !isInstalled("npm"),
  async fn() {
    await using directory = await TempDir.make();
    const mark = `1000.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    await Deno.writeTextFile(
      `${directory.path}/package.json`,
      JSON.stringify({
        scripts: { dev: `sh -c 'echo ready in 5 ms; sleep ${mark}; true'` },
      }),
    );
    {
      await using child = spawnWithBarrier(["npm", "run", "dev"], {
        cwd: directory.path,
        processGroup: true,
        readyLine: /^ready in (.*)$/,
        stdout: "null",
      });
      assertEquals(await child.ready(), "5 ms");
    }
    assertEquals(await processesWith(mark), []);
  },
});

Deno.test({
  name: "BarrierProcess.kill() signals the whole group",
  ignore,
  async fn() {
    await using child = shell(
      `sh -c 'trap "echo inner >&3; exit" USR1; echo >&3; while :; do sleep 0.01; done' &
       trap : USR1; wait; wait`,
      { processGroup: true },
    );
    assert(await child.waitNext());
    child.kill("SIGUSR1");
    assertEquals(await child.ready(), "inner");
  },
});

Deno.test({
  name:
    "spawnWithBarrier() gives a child with 'processGroup' a group of its own, and others this process's",
  ignore,
  async fn() {
    for (const processGroup of [true, false]) {
      await using child = shell("ps -o pgid= $$ >&3; read -r _ <&3", {
        processGroup,
      });
      const group = Number(await child.ready());
      assertEquals(group === child.pid, processGroup);
    }
  },
});

Deno.test({
  name: "BarrierProcess.kill() leaves a group stopped that is stopped",
  ignore: ignore || Deno.build.os !== "linux",
  async fn() {
    // The one that was started is gone, so that the group is looked for.
    await using child = shell(
      "sleep 1000 & echo $! >&3",
      { processGroup: true },
    );
    const member = Number(await child.ready());
    await child.exited;
    const state = () =>
      Deno.readTextFileSync(`/proc/${member}/stat`).split(") ")[1]![0];
    child.kill("SIGSTOP");
    while (state() !== "T") await new Promise((go) => setTimeout(go));
    child.kill("SIGURG");
    assertEquals(state(), "T");
  },
});

test("spawnWithBarrier() throws for 'processGroup' where it may not signal a group", async () => {
  const { stderr } = await runParent(
    `
    try {
      spawnWithBarrier(["sh"], { processGroup: true });
    } catch (error) {
      console.error(error.name);
    }
    `,
    ["--allow-run=sh", "--allow-env"],
  );
  assertEquals(stderr, "NotCapable\n");
});

// Descriptors

for (const fd of [3, 4, 10, 100]) {
  Deno.test({
    name:
      `spawnWithBarrier() makes descriptor ${fd} the channel for "fd:${fd}"`,
    ignore: ignore || !isInstalled("bash"),
    async fn() {
      await using child = spawnWithBarrier(
        [
          "bash",
          "-c",
          `echo "$BARRIER_CHANNEL" >&${fd}; read -ru${fd} line; echo "got $line" >&${fd}`,
        ],
        { channel: `fd:${fd}` },
      );
      assertEquals(await child.ready(), `fd:${fd}`);
      child.place("this");
      assertEquals(await child.ready(), "got +this");
    },
  });

  Deno.test({
    name:
      `inheritBarrier() takes the channel "fd:${fd}" that a Deno parent hands on`,
    ignore: ignore || (fd !== 3 && !knowsInherited()),
    async fn() {
      const inherit = json(import.meta.resolve("../inherit.ts"));
      await using child = spawnWithBarrier(
        `data:application/typescript,${
          encodeURIComponent(`
            import { inheritBarrier } from ${inherit};
            using barrier = await inheritBarrier();
            barrier.place("here");
            await barrier.sync();
          `)
        }`,
        {
          channel: `fd:${fd}`,
          permissions: { env: ["BARRIER_CHANNEL", "BARRIER_STATE"] },
        },
      );
      assertEquals(await child.placeAndSync(), true);
      assertEquals(child.note, "here");
    },
  });
}

Deno.test({
  name:
    "spawnWithBarrier() leaves the descriptors below that of its channel as they are",
  ignore: ignore || !isInstalled("bash"),
  async fn() {
    const { stdout } = await runParent(
      `
      await using child = spawnWithBarrier(
        ["bash", "-c", "read -ru60 line; echo $line >&70"],
        { channel: "fd:70" },
      );
      console.log(await child.ready());
      `,
      undefined,
      ["bash", "-c", 'exec 60<<<"of another program"; exec "$@"', "bash"],
    );
    assertEquals(stdout, "of another program\n");
  },
});

Deno.test({
  name:
    "spawnWithBarrier() keeps its barriers from the job server of 'make -j', which holds 3 and 4",
  ignore: ignore || !isInstalled("make"),
  async fn() {
    await using directory = await TempDir.make();
    const spawn = json(import.meta.resolve("../spawn.ts"));
    await Deno.writeTextFile(
      `${directory.path}/parent.ts`,
      `
      import { spawnWithBarrier } from ${spawn};
      await using child = spawnWithBarrier(["make", "--no-print-directory", "jobs"], {
        channel: "fd:9",
        stdout: "piped",
        stderr: "forward",
      });
      // A token more would be a job more at a time, a token less one less.
      for (let i = 0; i < 100; i++) child.place();
      const output = await child.stdout.text();
      const note = await child.ready();
      const { code } = await child.status;
      console.log(code, note, output.split("\\n").filter((line) => line.startsWith("job")).length);
      `,
    );
    await Deno.writeTextFile(
      `${directory.path}/Makefile`,
      `
all:
\t+@"$(DENO)" run -A parent.ts
jobs: 1 2 3 4 5 6
\t@echo done >&9
1 2 3 4 5 6:
\t@echo job $@ "$(MAKEFLAGS)"
.PHONY: all jobs 1 2 3 4 5 6
`,
    );
    const { stdout, stderr } = await new Deno.Command("make", {
      args: ["-j3", `DENO=${Deno.execPath()}`],
      cwd: directory.path,
    }).output();
    // make complains of a job server whose pipe it cannot read, or of a token
    // that it did not put there.
    assertEquals(new TextDecoder().decode(stderr), "");
    assertEquals(new TextDecoder().decode(stdout), "0 done 6\n");
  },
});

test('spawnWithBarrier() throws for a channel that cannot be, "fd:2" among them', () => {
  for (const channel of ["fd:2", "fd:x", "fd:", "fd:-3", "fd:3.5"]) {
    assertThrows(
      () => spawnWithBarrier(["sh"], { channel: channel as never }),
      TypeError,
      "'channel' must be",
    );
  }
});
