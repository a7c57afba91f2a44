// Copyright 2026 the @ipc/barrier authors. MIT license.

/** How a child ends, whom it keeps from ending, and what it leaves. */

import { isPending, turnEventLoop } from "./_helpers/event_loop.ts";
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { spawnWithBarrier } from "../mod.ts";
import { openDescriptors } from "./_helpers/descriptors.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { childModule, json, runParent, shell } from "./_helpers/scripts.ts";
import { IS_UNIX, test } from "./_helpers/unix.ts";

const MEGABYTE = 1024 * 1024;

for (const channel of CHANNELS) {
  test(`BarrierProcess.unref() lets a parent leave immediately over "${channel}"`, async () => {
    // The child waits for the parent to go: neither would end otherwise.
    const child = childModule(channel, "await barrier.waitAbortion();");
    const { code } = await runParent(`
      spawnWithBarrier(${json(child)}, { channel: "${channel}" }).unref();
    `);
    assertEquals(code, 0);
  });

  test(`BarrierProcess.unref() does not let a parent leave over "${channel}" while a wait is pending`, async () => {
    const child = childModule(
      channel,
      "await barrier.waitNext(); barrier.place(); await barrier.waitAbortion();",
    );
    const { stderr } = await runParent(`
      const child = spawnWithBarrier(${json(child)}, { channel: "${channel}" });
      child.unref();
      child.place();
      console.error(await child.waitNext());
    `);
    assertEquals(stderr, "true\n");
  });

  test(`BarrierProcess.ref() keeps a parent again over "${channel}"`, async () => {
    const child = childModule(
      channel,
      "await barrier.waitNext(); console.error('child leaves');",
    );
    const { stderr } = await runParent(`
      const child = spawnWithBarrier(${json(child)}, { channel: "${channel}" });
      child.unref();
      child.ref();
      child.place();
      addEventListener("unload", () => console.error("parent leaves"));
    `);
    assertEquals(stderr, "child leaves\nparent leaves\n");
  });

  test(`BarrierProcess[Symbol.asyncDispose]() ends a child over "${channel}" that waits for ever`, async () => {
    let process;
    {
      await using child = spawnWithBarrier(
        childModule(channel, "barrier.place(); setInterval(() => {}, 1000);"),
        { channel },
      );
      assert(await child.waitNext());
      process = child;
    }
    assertEquals((await process.status).signal, "SIGTERM");
    assertFalse(process.place());
  });

  Deno.test(`spawnWithBarrier() aborts with the reason of its signal over "${channel}", and ends the child`, async () => {
    const controller = new AbortController();
    await using child = spawnWithBarrier(
      childModule(
        channel,
        `
        const { signal } = barrier;
        Deno.addSignalListener("SIGTERM", () => {});
        barrier.place();
        await barrier.waitAbortion();
        console.error(signal.reason.message);
        Deno.exit(5);
        `,
      ),
      { channel, signal: controller.signal, stderr: "piped" },
    );
    assert(await child.waitNext());
    controller.abort(new Error("no\nlonger needed"));
    assert(child.iAborted);
    assertEquals((await child.status).code, 5);
    assertEquals(
      await child.stderr.text(),
      "Barrier aborted by the peer: no longer needed\n",
    );
  });
}

test("BarrierProcess.kill() sends signals, and the status is the child's own", async () => {
  await using child = shell(
    "trap 'echo usr >&3' USR1; trap 'exit 7' TERM; echo >&3; while :; do sleep 0.01; done",
  );
  assert(await child.waitNext());
  child.kill("SIGUSR1");
  assert(await child.waitNext());
  assertEquals(child.note, "usr");
  child.kill();
  assertEquals(await child.status, { success: false, code: 7, signal: null });
});

test("BarrierProcess.kill() leaves stdin open", async () => {
  await using child = shell(
    "trap 'echo usr >&3' USR1; echo >&3; while ! read -r line; do :; done; echo $line >&3",
    { stdin: "piped" },
  );
  assert(await child.waitNext());
  child.kill("SIGUSR1");
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("still there\n"));
  while (child.note !== "still there") assert(await child.waitNext());
});

test("BarrierProcess.kill() throws when the child has exited", async () => {
  await using child = shell(":");
  await child.exited;
  assertThrows(
    () => child.kill("SIGINT"),
    TypeError,
    `Cannot send SIGINT to child process ${child.pid} (sh): it has already exited`,
  );
});

test("BarrierProcess[Symbol.asyncDispose]() kills a child that ignores SIGTERM", async () => {
  let process;
  {
    await using child = shell(
      "trap '' TERM; echo >&3; while :; do sleep 0.01; done",
      { stopGracePeriod: 1 },
    );
    process = child;
    assert(await child.waitNext());
  }
  assertEquals((await process.status).signal, "SIGKILL");
});

test("BarrierProcess.exited is done for all when the child is gone", async () => {
  await using child = shell("read -r _ <&3");
  assert(await isPending(child.exited));
  child.place();
  await Promise.all([child.exited, child.exited]);
  assertFalse(await isPending(child.exited));
});

test("spawnWithBarrier() takes its listener off the signal when the child exits", async () => {
  const controller = new AbortController();
  await using child = shell(":", { signal: controller.signal });
  await child.status;
  controller.abort();
  assertFalse(child.iAborted);
});

Deno.test({
  name: "spawnWithBarrier() leaves nothing behind after 300 children",
  ignore: !IS_UNIX || Deno.build.os !== "linux",
  fn: async () => {
    async function round(): Promise<void> {
      await using child = shell("echo >&3; read -r _ <&3");
      await child.placeAndSync();
      await child.status;
    }
    const children = () =>
      Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/children`);
    const open = () => ({
      descriptors: openDescriptors(),
      children: children(),
    });
    for (let i = 0; i < 50; i++) await round();
    // The last child's descriptors are closed some turns after it was ended.
    await turnEventLoop(300);
    const before = open();
    const memory = Deno.memoryUsage().rss;
    for (let i = 0; i < 300; i++) await round();
    await turnEventLoop(300);
    assertEquals(open(), before);
    const grown = Deno.memoryUsage().rss - memory;
    assert(grown < 32 * MEGABYTE, `memory grew by ${grown} bytes`);
  },
});
