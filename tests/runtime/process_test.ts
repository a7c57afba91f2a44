// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { spawnWithBarrier } from "../../mod.ts";
import { spawnOrThrow } from "../../src/runtime/process.ts";
import { CHANNELS } from "../_helpers/driver.ts";
import { isInstalled } from "../_helpers/programs.ts";
import { run } from "../_helpers/run.ts";
import {
  json,
  PARENT,
  runParent,
  runTestdata,
  shell,
  testdataCommand,
} from "../_helpers/scripts.ts";
import { TempDir } from "../_helpers/temp_dir.ts";
import { test } from "../_helpers/unix.ts";
import type { Order } from "../testdata/ending_worker.ts";

const PROGRAMS = "process.ts";

/** Children of workers that end, and how. What the worker does is the same to all. */
const ENDED: readonly [name: string, order: Order][] = [
  ["a child with a worker that closes itself", { end: "closes itself" }],
  ["a child with a worker that throws", { end: "throws" }],
  ["a child with a worker that is terminated", { end: "is terminated" }],
  [
    "a child that leads a process group with a worker that is terminated",
    { processGroup: true, end: "is terminated" },
  ],
  [
    "an unreferenced child with a worker that is terminated",
    { isUnreferenced: true, end: "is terminated" },
  ],
];

/** What one program prints that has all these workers, one after the other. */
let ended: Promise<string[]> | undefined;

async function runWorkers(): Promise<string[]> {
  const orders = ENDED.map(([_, order]) => json(order));
  const { stdout } = await runTestdata(PROGRAMS, ["worker", ...orders]);
  return stdout.trimEnd().split("\n");
}

for (const [index, [name]] of ENDED.entries()) {
  test(`surviveErrors() ends ${name}`, async () => {
    assertEquals((await (ended ??= runWorkers()))[index], "NotFound true");
  });
}

Deno.test({
  name: "unrefProcess() accepts a child that has exited, without pidfd_open()",
  ignore: Deno.build.os !== "linux" || !isInstalled("gcc"),
  async fn() {
    await using directory = await TempDir.make();
    const library = `${directory.path}/no_pidfd.so`;
    const source = `${import.meta.dirname}/../testdata/no_pidfd.c`;
    const flags = ["-shared", "-fPIC", "-o", library, source, "-ldl"];
    const { stderr } = await run(["gcc", ...flags]);
    assertEquals(stderr, "");
    const output = await run(testdataCommand(PROGRAMS, ["unref"]), {
      env: { LD_PRELOAD: library },
    });
    assertEquals(output, { code: 0, stdout: "", stderr: "" });
  },
});

test("spawnOrThrow() passes no variable on that stands on Object.prototype", async () => {
  const prototype = Object.prototype as { BARRIER_TEST?: string };
  prototype.BARRIER_TEST = "pollution";
  let child: ChildProcess;
  try {
    child = spawnOrThrow(["sh", "-c", 'exit "${BARRIER_TEST-7}"'], {
      env: { PATH: Deno.env.get("PATH") },
      stdio: "ignore",
    });
  } finally {
    delete prototype.BARRIER_TEST;
  }
  const [code] = await once(child, "exit");
  assertEquals(code, 7);
});

test("spawnOrThrow() throws what Node reports in an event", () => {
  const error = assertThrows(
    () => spawnOrThrow(["no-such-command"], {}),
    Error,
    "spawn no-such-command ENOENT",
  );
  assertEquals((error as NodeJS.ErrnoException).code, "ENOENT");
});

for (const channel of CHANNELS) {
  test(`spawnWithBarrier() with 'clearEnv' passes no NODE_V8_COVERAGE on over "${channel}"`, async () => {
    const args = ["environment", channel];
    const { stdout } = await runTestdata(PROGRAMS, args, PARENT);
    assertEquals(
      stdout,
      "NODE_V8_COVERAGE=given\nNODE_V8_COVERAGE=/no/such\n",
    );
  });
}

test("spawnWithBarrier() needs access to one variable with 'clearEnv'", async () => {
  const { stderr, code } = await runParent(
    `
    const child = spawnWithBarrier(["/bin/sh", "-c", "echo ready >&3"], {
      clearEnv: true,
    });
    console.error(await child.ready());
    `,
    ["--allow-run", "--allow-env=NODE_V8_COVERAGE"], // Node's module reads it
  );
  assertEquals({ stderr, code }, { stderr: "ready\n", code: 0 });
});

test("spawnWithBarrier() runs a command that is Deno as it is written", async () => {
  const script =
    `data:text/javascript,console.log(Deno.permissions.querySync({name:"read"}).state)`;
  for (
    const command of [
      [Deno.execPath(), "run", script],
      ["env", Deno.execPath(), "run", script],
      ["sh", "-c", `"${Deno.execPath()}" run '${script}'`],
    ]
  ) {
    await using child = spawnWithBarrier(command, {
      stdin: "null",
      stdout: "piped",
    });
    assertEquals(await child.stdout.text(), "prompt\n");
  }
});

test("BarrierProcess.kill() sends any number of signals", async () => {
  await using child = shell(
    `trap 'echo one >&3' USR1; trap 'echo two >&3' USR2; echo >&3
     while :; do sleep 0.01; done`,
  );
  await child.ready();
  child.kill("SIGUSR1");
  assertEquals(await child.ready(), "one");
  child.kill("SIGUSR2");
  assertEquals(await child.ready(), "two");
  child.kill("SIGKILL");
  assertEquals((await child.status).signal, "SIGKILL");
});
