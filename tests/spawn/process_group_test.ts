// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Children that start programs of their own. */

import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import type { ChildProcess } from "node:child_process";
import { spawnWithBarrier } from "../../mod.ts";
import { SignalTarget } from "../../src/spawn/process_group.ts";
import { CHANNELS } from "../_helpers/driver.ts";
import { running } from "../_helpers/process_table.ts";
import {
  HAS_PRELOAD,
  isInstalled,
  knowsInherited,
} from "../_helpers/programs.ts";
import { run } from "../_helpers/run.ts";
import {
  inheritingModule,
  PARENT,
  runParent,
  runTestdata,
  shell,
  testdata,
  testdataCommand,
} from "../_helpers/scripts.ts";
import { TempDir } from "../_helpers/temp_dir.ts";
import { IS_UNIX, test } from "../_helpers/unix.ts";

const PROGRAMS = "process_group.ts";

const ignore = !IS_UNIX || Deno.build.os !== "linux";

/** What makes a PID namespace with a `/proc` of its own. */
const NAMESPACE = ["--pid", "--fork", "--mount-proc"];

// What the system answers

const PID = 4711;

/** Has the system answer signal 0 as if there were these targets. */
function mockKill(exists: (target: number) => boolean | "denied"): Disposable {
  const { kill } = Deno;
  Deno.kill = (target) => {
    const answer = exists(target);
    if (answer === "denied") throw new Deno.errors.PermissionDenied();
    if (!answer) throw new Deno.errors.NotFound();
  };
  return { [Symbol.dispose]: () => void (Deno.kill = kill) };
}

function groupTarget(): SignalTarget {
  const process = { pid: PID } as ChildProcess;
  return new SignalTarget(process, `child process ${PID} (sh)`, true);
}

test("SignalTarget.isGone is false while a group has members, signaled or not", () => {
  for (const answer of [true, "denied"] as const) {
    using _ = mockKill((target) => target === -PID && answer);
    const target = groupTarget();
    assertFalse(target.isGone);
    target.onExit();
    assertFalse(target.isGone);
  }
});

test("SignalTarget.isGone is true for a group whose leader is another process", () => {
  using _ = mockKill(() => true);
  const target = groupTarget();
  target.onExit();
  assert(target.isGone);
});

test("SignalTarget.isGone stays true from the exit on, whoever then has the number", () => {
  let isReused = false;
  using _ = mockKill((target) => target === -PID && isReused);
  const target = groupTarget();
  target.onExit();
  isReused = true;
  assert(target.isGone);
  assertThrows(() => target.send("SIGTERM"), TypeError, "already exited");
});

// Real groups

for (
  const [what, script] of [
    ["a server in the background", "sleep MARK & echo >&3; wait"],
    ["a pipeline", "echo >&3; sleep MARK | cat"],
    [
      "a wrapper that does not pass signals on",
      "trap '' TERM; echo >&3; sleep MARK",
    ],
    [
      "a background program that ignores the signal",
      `(trap '' TERM; exec sleep MARK) & echo >&3; wait`,
    ],
    ["a wrapper that leaves first", "sleep MARK & echo >&3; exit 0"],
  ] as const
) {
  Deno.test({
    name: `BarrierProcess.stop() leaves no group of ${what}`,
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
      assertEquals(await running(mark), []);
    },
  });
}

Deno.test({
  name: "BarrierProcess.stop() leaves no group of 'npm run'",
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
    assertEquals(await running(mark), []);
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
    "spawnWithBarrier() gives a child a group of its own with 'processGroup' alone",
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
  const { stdout } = await runParent(
    `
    try {
      spawnWithBarrier(["sh"], { processGroup: true });
    } catch (error) {
      console.log(error.name, error.message);
    }
    `,
    ["--allow-run=sh", "--allow-env"],
  );
  assertEquals(
    stdout,
    "NotCapable Cannot spawn a child: 'processGroup' requires run access to all programs; run again with the --allow-run flag\n",
  );
});

// What is not a signal, a group that is not there, permissions that are gone

for (const processGroup of [false, true]) {
  const whom = processGroup ? "a group" : "a process";

  test(`BarrierProcess.kill() throws for what is not a signal, to ${whom}`, async () => {
    await using child = shell("read -r _ <&3", { processGroup });
    const label = `child process ${child.pid} (sh)`;
    const cases: [signal: unknown, shown: string][] = [
      [NaN, "NaN"],
      [-1, "-1"],
      [1.5, "1.5"],
      [65, "65"],
      [null, "null"],
      ["15", '"15"'],
      ["", '""'],
      ["SIGNONE", '"SIGNONE"'],
      ["toString", '"toString"'],
      ["\x1b[31m", '"\\x1b[31m"'],
      [Symbol("a"), "Symbol(a)"],
      [{}, "an object"],
    ];
    for (const [signal, shown] of cases) {
      const error = assertThrows(() => child.kill(signal as 1), TypeError);
      assertEquals(
        error.message,
        `Cannot signal ${label}: the signal must be the name or the number of one, received ${shown}; pass a name such as "SIGTERM"`,
      );
    }
    child.kill(0); // which only looks
    child.kill(9);
    assertEquals((await child.status).signal, "SIGKILL");
    for (const signal of [0, "SIGTERM"] as const) {
      const error = assertThrows(() => child.kill(signal), TypeError);
      assertEquals(
        error.message,
        `Cannot send ${signal} to ${label}: it has already exited`,
      );
    }
  });
}

test("BarrierProcess.stop() rejects for a group that this process may no longer signal", async () => {
  const args = ["revoked permission"];
  const { code, stdout } = await runTestdata(PROGRAMS, args, PARENT);
  const [member, message] = stdout.split("\n");
  assert(Number(member) > 0); // 0 would be this process's group
  Deno.kill(Number(member), "SIGKILL"); // it is there, or this throws
  assertEquals(
    message,
    "NotCapable Cannot send SIGTERM to child process PID (sh): this process no longer has run access to all programs, so its group was left alone; do not revoke that permission while the group runs",
  );
  assertEquals(code, 0);
});

Deno.test({
  name: "BarrierProcess.kill() asks for no permission at a terminal",
  ignore: ignore || HAS_PRELOAD || !isInstalled("script"),
  async fn() {
    // A system that refuses a signal: only another permission reveals why.
    const flags = ["--quiet", "--allow-env", "--allow-run=true"];
    const parent = testdataCommand(PROGRAMS, ["refused signal"], flags);
    const command = `timeout 30 ${parent.map((arg) => `'${arg}'`).join(" ")}`;
    const { stdout } = await run(["script", "-qec", command, "/dev/null"]);
    assertEquals(
      stdout,
      "Cannot send SIGTERM to child process PID (true): it has already exited\r\n",
    );
  },
});

/** Whether this process can make a PID namespace. */
const canUnshare = !ignore && isInstalled("unshare") &&
  (await run(["unshare", ...NAMESPACE, "true"])).code === 0;

for (const channel of CHANNELS) {
  Deno.test({
    name:
      `BarrierProcess.stop() signals no other group that has its number, over "${channel}"`,
    ignore: !canUnshare || !isInstalled("setsid"),
    async fn() {
      const parent = new URL("../testdata/reused_group.ts", import.meta.url);
      const output = await run([
        ...["unshare", ...NAMESPACE] as const,
        ...[Deno.execPath(), "run", "--allow-all", parent.href, channel],
      ]);
      assertEquals(output, {
        code: 0,
        stdout:
          "TypeError: Cannot send SIGTERM to child process PID (true): it has already exited\ntrue\n",
        stderr: "",
      });
    },
  });
}

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
      await using child = spawnWithBarrier(
        inheritingModule(`
          using barrier = await inheritBarrier();
          barrier.place("here");
          await barrier.sync();
        `),
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
    "spawnWithBarrier() keeps its barriers from the job server of 'make -j'",
  ignore: ignore || !isInstalled("make"),
  async fn() {
    const makefile = new URL("../testdata/jobs.mk", import.meta.url).pathname;
    const { stdout, stderr } = await run([
      ...["make", "-j3", "-f", makefile] as const,
      ...[`DENO=${Deno.execPath()}`, `PARENT=${testdata(PROGRAMS)}`],
    ]);
    // make complains of a job server whose pipe it cannot read, or of a token
    // that it did not put there.
    assertEquals({ stdout, stderr }, { stdout: "0 done 6\n", stderr: "" });
  },
});
