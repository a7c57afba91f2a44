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
  dataUrl,
  json,
  parentModule,
  runParent,
  shell,
} from "../_helpers/scripts.ts";
import { TempDir } from "../_helpers/temp_dir.ts";
import { test } from "../_helpers/unix.ts";

const LIBRARY = json(import.meta.resolve("../../mod.ts"));

for (
  const [what, options, call] of [
    ["a child", {}, ""],
    ["a child that leads a process group", { processGroup: true }, ""],
    ["an unreferenced child", {}, "child.unref();"],
  ] as const
) {
  for (
    const [how, inWorker, inParent] of [
      ["closes itself", "self.close();", ""],
      ["throws", "throw new Error();", ""],
      ["is terminated", "", "worker.terminate();"],
    ] as const
  ) {
    // What the worker does is the same to every child.
    if (what !== "a child" && how !== "is terminated") continue;
    test(`surviveErrors() lets ${what} end with a worker that ${how}`, async () => {
      const worker = dataUrl(`
        import { spawnWithBarrier } from ${LIBRARY};
        const child = spawnWithBarrier(["sleep", "1000"], ${json(options)});
        ${call}
        self.postMessage(child.pid);
        ${inWorker}
      `);
      const { stdout } = await runParent(
        `
        const worker = new Worker(${json(worker)}, { type: "module" });
        worker.onerror = (event) => event.preventDefault();
        const pid = await new Promise((resolve) => {
          worker.onmessage = ({ data }) => resolve(data);
        });
        ${inParent}
        // A child that does not end has failed the test.
        setTimeout(() => Deno.kill(pid, "SIGTERM"), 20_000);
        try {
          for (;;) {
            Deno.kill(pid, 0);
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
        } catch (error) {
          console.log(error.name, performance.now() < 20_000);
        }
        Deno.exit();
        `,
        ["--allow-all"],
      );
      assertEquals(stdout, "NotFound true\n");
    });
  }
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
    const body = `
      for (let i = 0; i < 40; i++) {
        const channel = i % 2 ? "stdio" : "fd";
        const child = spawnWithBarrier(["true"], { channel });
        child.unref();
        child.ref();
        await child.exited;
        child.unref();
      }
    `;
    const output = await run(
      [Deno.execPath(), "run", "--allow-all", parentModule(body)],
      { env: { LD_PRELOAD: library } },
    );
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
    const { stdout } = await runParent(`
      Deno.env.set("NODE_V8_COVERAGE", "/no/such");
      const env = ["sh", "-c", "env | grep -e COVERAGE -e POLLUTED"];
      Object.prototype.POLLUTED = "yes";
      for (const variables of [{}, { NODE_V8_COVERAGE: "given" }]) {
        const child = spawnWithBarrier(env, {
          channel: "${channel}",
          clearEnv: true,
          env: { ...variables, PATH: Deno.env.get("PATH") },
        });
        await child.status;
      }
      await spawnWithBarrier(env, { channel: "${channel}" }).status;
    `);
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
