// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { spawnWithBarrier } from "../mod.ts";
import { spawnOrThrow } from "../src/runtime/process.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { runParent, shell } from "./_helpers/scripts.ts";
import { test } from "./_helpers/unix.ts";

test("spawnOrThrow() throws what Node reports in an event", () => {
  const error = assertThrows(
    () => spawnOrThrow(["no-such-command"], {}),
    Error,
    "spawn no-such-command ENOENT",
  );
  assertEquals((error as NodeJS.ErrnoException).code, "ENOENT");
});

for (const channel of CHANNELS) {
  test(`spawnWithBarrier() passes NODE_V8_COVERAGE to no child over "${channel}" that 'clearEnv' keeps it from`, async () => {
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
    'data:text/javascript,console.log(Deno.permissions.querySync({name:"read"}).state)';
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
