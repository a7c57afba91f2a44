// Copyright 2026 the @ipc/barrier authors. MIT license.

/** How a barrier ends when a process does. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
} from "@std/assert";
import { BarrierAbortedError, spawnWithBarrier } from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { run } from "./_helpers/run.ts";
import {
  childModule,
  dataUrl,
  json,
  readUntil,
  runParent,
  shell,
  startParent,
} from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { IS_UNIX, test } from "./_helpers/unix.ts";

const ENDS = {
  "returns": { body: "", code: 0, signal: null },
  "throws": { body: "throw new Error('on purpose');", code: 1, signal: null },
  "calls Deno.exit(3)": { body: "Deno.exit(3);", code: 3, signal: null },
  "is killed": {
    body: "Deno.kill(Deno.pid, 'SIGKILL');",
    code: 137,
    signal: "SIGKILL",
  },
} as const;

for (const channel of CHANNELS) {
  for (const [end, { body, code, signal }] of Object.entries(ENDS)) {
    if (signal && !IS_UNIX) continue; // Windows reports no signal
    const spawn = (before: string) =>
      spawnWithBarrier(childModule(channel, before + body), {
        channel,
        permissions: { run: true },
        stderr: "null",
      });
    const how = signal ? `was killed by ${signal}` : `exited with code ${code}`;

    Deno.test(`Barrier.sync() resolves to false when a child over "${channel}" that placed nothing ${end}`, async () => {
      await using child = spawn("");
      assert(child.place());
      assertFalse(await child.sync());
      assert(child.theyAborted);
      const status = { success: code === 0, code, signal };
      assertEquals(await child.status, status);
      const { reason } = child.signal;
      assertInstanceOf(reason, BarrierAbortedError);
      assertEquals(reason.side, "peer");
      assertEquals(reason.status, status);
      assertEquals(
        reason.message,
        `Child process ${child.pid} (data:application/typescript,%0A%20%20%20...) ${how}`,
      );
    });

    Deno.test(`Barrier.waitNext() still takes what a child over "${channel}" placed before it ${end}`, async () => {
      await using child = spawn("barrier.place(); barrier.place('last');");
      await child.exited;
      assert(child.place());
      assert(child.place());
      assert(await child.sync());
      assertEquals(child.note, "last");
      assertFalse(child.theyAborted);
      assertFalse(await child.waitNext());
      assert(child.theyAborted);
    });

    Deno.test(`Barrier.waitAbortion() ends when a child over "${channel}" with a wait pending ${end}`, async () => {
      // A child with a wait pending does not return, unless it gives up waiting.
      const returns = body === "" ? "barrier.destroy();" : "";
      await using child = spawn(`barrier.waitNext(); ${returns}`);
      assert(await child.waitAbortion());
      assertFalse(child.place());
    });
  }

  test(`Barrier.sync() over "${channel}" counts 1,000 barriers that were placed before a crash, though a grandchild holds the channel`, async () => {
    await using child = spawnWithBarrier(
      childModule(
        channel,
        `
        for (let i = 0; i < 1_000; i++) barrier.place();
        const { pid } = new Deno.Command("sleep", { args: ["1000"] }).spawn();
        console.error(pid);
        await Promise.resolve(); // what a turn placed has left at its end
        Deno.kill(Deno.pid, "SIGKILL");
        `,
      ),
      { channel, permissions: { run: true }, stderr: "piped" },
    );
    const reader = child.stderr.getReader();
    const grandchild = Number(await readUntil(reader, "\n"));
    assert(grandchild > 0); // 0 would be this process's group
    await child.exited;
    for (let i = 0; i < 1_000; i++) child.place();
    assert(await child.sync());
    child.place();
    assertFalse(await child.sync());
    assertEquals((await child.status).signal, "SIGKILL");
    Deno.kill(grandchild, "SIGKILL"); // it is there, or this throws
    await reader.cancel();
  });

  test(`Barrier.sync() over "${channel}" resolves to false in a child whose parent was killed, and the child leaves`, async () => {
    const child = childModule(
      channel,
      `
      barrier.place();
      console.error("ready");
      console.error(await barrier.sync(), barrier.theyAborted);
      `,
    );
    const parent = startParent(`
      const child = spawnWithBarrier(${json(child)}, {
        channel: "${channel}",
      });
    `);
    const reader = parent.stderr.getReader();
    assertEquals(await readUntil(reader, "ready\n"), "ready\n");
    parent.kill("SIGKILL");
    await parent.status;
    // Its end is the end of the last process that holds it: the child.
    assertEquals(await readUntil(reader, "nothing more"), "false true\n");
    reader.releaseLock();
    await parent.stdout.cancel();
    await parent.stdin.close();
  });

  Deno.test(`Barrier.place() arrives over "${channel}" when a child's next call is Deno.exit()`, async () => {
    await using child = spawnWithBarrier(
      childModule(channel, "barrier.place('bye'); Deno.exit(0);"),
      { channel },
    );
    assert(await child.waitNext());
    assertEquals(child.note, "bye");
    assertFalse(await child.waitNext());
  });

  Deno.test(`Barrier.place() arrives over "${channel}" 1,000 times when a child's next call is Deno.exit()`, async () => {
    await using child = spawnWithBarrier(
      childModule(
        channel,
        "for (let i = 0; i < 1_000; i++) barrier.place(); Deno.exit(0);",
      ),
      { channel },
    );
    await child.exited;
    for (let i = 0; i < 1_000; i++) child.place();
    assert(await child.sync());
    child.place();
    assertFalse(await child.sync());
  });

  Deno.test(`Barrier.place() arrives over "${channel}" 1,000 times when a child's next step is an error`, async () => {
    await using child = spawnWithBarrier(
      childModule(
        channel,
        `
        setTimeout(() => {
          for (let i = 0; i < 1_000; i++) barrier.place();
          throw new Error("enough");
        });
        `,
      ),
      { channel, stderr: "null" },
    );
    await child.exited;
    for (let i = 0; i < 1_000; i++) child.place();
    assert(await child.sync());
    assertEquals((await child.status).code, 1);
  });

  for (const end of ["", "barrier.destroy();"]) {
    test(`Barrier.place() arrives over "${channel}" in 1,000 turns that nobody reads in when a child ${end ? "destroys its barrier" : "comes to its end"}`, async () => {
      await using directory = await TempDir.make();
      const fifo = await directory.makeFifo();
      await using child = spawnWithBarrier(
        childModule(
          channel,
          `
          for (let i = 0; i < 1_000; i++) {
            barrier.place();
            await new Promise((resolve) => setTimeout(resolve, 0));
          }
          ${end}
          Deno.writeTextFileSync(${json(fifo)}, "");
          `,
        ),
        { channel, permissions: { write: [fifo] } },
      );
      Deno.readTextFileSync(fifo); // until then this thread stands still
      for (let i = 0; i < 1_000; i++) child.place();
      assert(await child.sync());
      child.place();
      assertFalse(await child.sync());
      assertEquals((await child.status).code, 0);
    });
  }

  Deno.test(`Barrier.abort() arrives over "${channel}" when a child's next call is Deno.exit()`, async () => {
    await using child = spawnWithBarrier(
      childModule(channel, "barrier.abort('why'); Deno.exit(1);"),
      { channel },
    );
    assert(await child.waitAbortion());
    assertEquals(
      child.signal.reason.message,
      "Barrier aborted by the peer: why",
    );
    assertEquals((await child.status).code, 1);
  });

  test(`Barrier.place() arrives over "${channel}" when a parent's next call is Deno.exit()`, async () => {
    const child = childModule(
      channel,
      `
      barrier.place();
      console.error(await barrier.waitNext(), barrier.note);
      console.error(await barrier.waitNext());
      `,
    );
    const { code, stderr } = await runParent(`
      const child = spawnWithBarrier(${json(child)}, {
        channel: "${channel}",
      });
      await child.waitNext();
      child.place("bye");
      Deno.exit(4);
    `);
    assertEquals({ code, stderr }, { code: 4, stderr: "true bye\nfalse\n" });
  });

  test(`Barrier.abort() arrives over "${channel}" when a parent's next call is Deno.exit()`, async () => {
    const child = childModule(
      channel,
      `
      const { signal } = barrier;
      barrier.place();
      console.error(await barrier.waitNext(), signal.reason.message);
      `,
    );
    const { code, stderr } = await runParent(`
      const child = spawnWithBarrier(${json(child)}, {
        channel: "${channel}",
      });
      await child.waitNext();
      child.abort("why");
      Deno.exit(1);
    `);
    assertEquals({ code, stderr }, {
      code: 1,
      stderr: "false Barrier aborted by the peer: why\n",
    });
  });
}

for (const channel of CHANNELS) {
  test(`Barrier over "${channel}" lets a child leave whose parent is killed with barriers unread`, async () => {
    const child = childModule(
      channel,
      `
      barrier.place();
      await barrier.waitNext();
      barrier.place();
      console.error("placed");
      await barrier.waitNext();
      `,
    );
    await using parent = startParent(`
      const child = spawnWithBarrier(${json(child)}, { channel: "${channel}" });
      await child.waitNext();
      child.place();
      while (true); // reads no more
    `);
    const stderr = parent.stderr.getReader();
    assertEquals(await readUntil(stderr, "placed\n"), "placed\n");
    parent.kill("SIGKILL");
    await readUntil(stderr, "never"); // to its end: the child holds it, too
    await stderr.cancel();
    await Promise.all([parent.stdout.cancel(), parent.stdin.close()]);
  });
}

// Signals that Deno has no names for. It keeps a resource of such a child.

/** Blocks this process until another one has exited, which it does not notice. */
function blockUntilExit(pid: number): void {
  new Deno.Command("sh", {
    args: ["-c", `until grep -q State:.Z /proc/${pid}/status; do :; done`],
  }).outputSync();
}

for (const channel of CHANNELS) {
  Deno.test({
    name:
      `BarrierProcess.status has the real-time signal of each child over "${channel}"`,
    ignore: Deno.build.os !== "linux",
    sanitizeResources: false,
    async fn() {
      await using directory = await TempDir.make();
      const file = `${directory.path}/file`;
      await using late = shell(
        `until [ -e ${file} ]; do :; done; kill -34 $$`,
        { channel },
      );
      await using early = shell("kill -64 $$", { channel });
      await using ordinary = shell("exit 7", { channel });
      // All are noticed in the same turn of the event loop.
      blockUntilExit(early.pid);
      blockUntilExit(ordinary.pid);
      Deno.writeTextFileSync(file, "");
      blockUntilExit(late.pid);
      const children = [late, early, ordinary];
      const statuses = await Promise.all(children.map(({ status }) => status));
      assertEquals(statuses.map(({ code }) => code), [162, 192, 7]);
      const { reason } = late.signal;
      assertInstanceOf(reason, BarrierAbortedError);
      assertEquals(reason.status, { success: false, code: 162, signal: null });
    },
  });
}

for (const kind of ["program", "worker"]) {
  Deno.test({
    name:
      `spawnWithBarrier() keeps a real-time signal's error from a ${kind} and its own listeners`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const parent = import.meta.resolve("./testdata/real_time_signal.ts");
      const worker = `new Worker(${json(parent)}, { type: "module" });`;
      const { code, stdout, stderr } = await run([
        Deno.execPath(),
        "run",
        "--allow-all",
        kind === "worker" ? dataUrl(worker) : parent,
      ]);
      assertEquals({ code, stdout, stderr }, {
        code: 0,
        stdout: "162\nunhandled: Invalid signal: 34\n",
        stderr: "",
      });
    },
  });
}
