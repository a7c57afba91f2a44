// Copyright 2026 the @ipc/barrier authors. MIT license.

/** How a barrier ends when a process does, and which process waits for which. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { BarrierAbortedError, spawnWithBarrier } from "../../mod.ts";
import { registeredChildren } from "../../src/spawn/signals.ts";
import { openDescriptors } from "../_helpers/descriptors.ts";
import { CHANNELS } from "../_helpers/driver.ts";
import { isPending, turnEventLoop } from "../_helpers/event_loop.ts";
import type { Output } from "../_helpers/run.ts";
import {
  childModule,
  PARENT,
  readUntil,
  runTestdata,
  shell,
  startTestdata,
  testdata,
} from "../_helpers/scripts.ts";
import { TempDir } from "../_helpers/temp_dir.ts";
import { IS_UNIX, test } from "../_helpers/unix.ts";

const FILE = "child_process.ts";
const PROGRAMS = testdata(FILE);

/** Starts a parent that is one of the programs. */
function startParent(...args: string[]): Deno.ChildProcess {
  return startTestdata(FILE, args, PARENT);
}

/** Runs such a parent to its end. */
function runParent(...args: string[]): Promise<Output> {
  return runTestdata(FILE, args, PARENT);
}

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

    Deno.test(`Barrier.sync() over "${channel}" takes what a child places before it ${end}`, async () => {
      await using child = spawn("barrier.place(); barrier.place('last');");
      await child.exited;
      assert(child.place());
      assert(child.place());
      assert(await child.sync());
      assertEquals(child.note, "last");
      assertFalse(child.theyAborted);
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
  }

  Deno.test(`Barrier.waitAbortion() over "${channel}" ends when a child that waits exits`, async () => {
    await using child = spawnWithBarrier(
      childModule(channel, "barrier.waitNext(); Deno.exit(3);"),
      { channel },
    );
    assert(await child.waitAbortion());
    assertFalse(child.place());
  });

  test(`Barrier.sync() over "${channel}" counts all before a crash, though a grandchild holds it`, async () => {
    await using child = spawnWithBarrier(PROGRAMS, {
      args: ["child with a grandchild", channel],
      channel,
      permissions: { run: true },
      stderr: "piped",
    });
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

  test(`Barrier.sync() over "${channel}" resolves to false in a child whose parent was killed`, async () => {
    const parent = startParent("parent that is killed", channel);
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

  for (const end of ["exits", "destroys it"]) {
    test(`Barrier.place() arrives over "${channel}" in 300 unread turns before a child ${end}`, async () => {
      await using directory = await TempDir.make();
      const fifo = await directory.makeFifo();
      await using child = spawnWithBarrier(PROGRAMS, {
        args: ["child of many turns", channel, end, fifo],
        channel,
        permissions: { write: [fifo] },
      });
      Deno.readTextFileSync(fifo); // until then this thread stands still
      for (let i = 0; i < 300; i++) child.place();
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

  test(`Barrier.abort() arrives over "${channel}" when a parent's next call is Deno.exit()`, async () => {
    const { code, stderr } = await runParent("parent that aborts", channel);
    assertEquals({ code, stderr }, { code: 1, stderr: "abort why\nend\n" });
  });
}

for (const channel of CHANNELS) {
  test(`Barrier over "${channel}" lets a child leave whose parent is killed with barriers unread`, async () => {
    await using parent = startParent("parent that reads no more", channel);
    const stderr = parent.stderr.getReader();
    assertEquals(await readUntil(stderr, "placed\n"), "placed\n");
    parent.kill("SIGKILL");
    await readUntil(stderr, "never"); // to its end: the child holds it, too
    await stderr.cancel();
    await Promise.all([parent.stdout.cancel(), parent.stdin.close()]);
  });
}

const MEGABYTE = 1024 * 1024;

for (const channel of CHANNELS) {
  test(`BarrierProcess.unref() lets a parent leave immediately over "${channel}"`, async () => {
    // The child waits for the parent to go: neither would end otherwise.
    const { code } = await runParent("unref", channel);
    assertEquals(code, 0);
  });

  test(`BarrierProcess.unref() lets a parent leave over "${channel}" only after a pending wait`, async () => {
    const { stdout } = await runParent("unref and wait", channel);
    assertEquals(stdout, "true\n");
  });

  test(`BarrierProcess.ref() keeps a parent again over "${channel}"`, async () => {
    const { stderr } = await runParent("ref", channel);
    assertEquals(stderr, "child leaves\nparent leaves\n");
  });

  test(`BarrierProcess[Symbol.asyncDispose]() ends a child over "${channel}" that waits for ever`, async () => {
    let process;
    {
      const place = channel === "fd" ? "echo >&3" : "printf '\\036\\n'";
      await using child = shell(`${place}; exec sleep 1000`, { channel });
      assert(await child.waitNext());
      process = child;
    }
    assertEquals((await process.status).signal, "SIGTERM");
    assertFalse(process.place());
  });

  Deno.test(`spawnWithBarrier() aborts with the reason of its signal over "${channel}", and ends the child`, async () => {
    const controller = new AbortController();
    await using child = spawnWithBarrier(PROGRAMS, {
      args: ["child that cleans up", channel],
      channel,
      signal: controller.signal,
      stderr: "piped",
    });
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

test("BarrierProcess is called the process group of a child that has exited", async () => {
  await using child = spawnWithBarrier(
    ["sh", "-c", "sleep 1000 >&- 2>&- & exit"],
    { processGroup: true },
  );
  const labels = () => registeredChildren().map((child) => child.label());
  const label = `child process ${child.pid} (sh)`;
  assertEquals(labels(), [label]);
  await child.exited;
  assertEquals(labels(), [`the process group of ${label}`]);
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
  name: "spawnWithBarrier() leaves nothing behind after 40 children",
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
    for (let i = 0; i < 10; i++) await round();
    // The last child's descriptors are closed some turns after it was ended.
    await turnEventLoop(300);
    const before = open();
    const memory = Deno.memoryUsage().rss;
    for (let i = 0; i < 40; i++) await round();
    await turnEventLoop(300);
    assertEquals(open(), before);
    const grown = Deno.memoryUsage().rss - memory;
    assert(grown < 12 * MEGABYTE, `memory grew by ${grown} bytes`);
  },
});

for (const channel of CHANNELS) {
  Deno.test(`Barrier.destroy() right after 1,000 places of one turn delivers them all over "${channel}"`, async () => {
    await using child = spawnWithBarrier(
      childModule(
        channel,
        "for (let i = 0; i < 1_000; i++) barrier.place(); barrier.destroy();",
      ),
      { channel },
    );
    for (let i = 0; i < 1_000; i++) child.place();
    assert(await child.sync());
    child.place();
    assertFalse(await child.sync());
  });

  test(`Barrier.destroy() in a parent delivers 1,000 places of the same turn over "${channel}"`, async () => {
    const input = channel === "fd" ? 3 : 0;
    await using child = shell(
      `i=0; while read -r _ <&${input}; do i=$((i + 1)); done; echo $i >&2`,
      { channel, stderr: "piped", exitGracePeriod: 60_000 },
    );
    for (let i = 0; i < 1_000; i++) child.place();
    child.destroy();
    assertEquals(await child.stderr.text(), "1000\n");
  });
}

test("BarrierProcess.ref() and unref() do nothing to a child that is gone", async () => {
  const { code, stdout } = await runParent("ref of a child that is gone");
  assertEquals({ code, stdout }, { code: 0, stdout: "leaves\n" });
});

test("BarrierProcess.ref() leaves the rest of a group among what ends with the parent", async () => {
  await using child = shell("sleep 60 & echo >&3", { processGroup: true });
  const isRegistered = () => registeredChildren().length > 0;
  await child.exited;
  child.ref();
  assert(isRegistered());
  await child.stop();
  assertFalse(isRegistered());
});

// The signal of a process

test("BarrierProcess.signal is not aborted by a daemon that closes the descriptor", async () => {
  await using child = shell(
    "echo ready >&3; exec 3>&-; read -r _; exit 3",
    { stdin: "piped" },
  );
  const { signal } = child;
  assertEquals(await child.ready(), "ready");
  const server = Promise.withResolvers<void>();
  // Longer than it takes to notice that the channel has closed, by its own timer.
  setTimeout(server.resolve, 300);
  await server.promise;
  assertFalse(signal.aborted);
  await child.stdin.close();
  await child.exited;
  await new Promise((resolve) =>
    signal.aborted ? resolve(0) : signal.addEventListener("abort", resolve)
  );
  assertEquals(
    signal.reason.message,
    `Child process ${child.pid} (sh) exited with code 3`,
  );
  assertEquals(signal.reason.status.code, 3);
});

test("BarrierProcess.signal is aborted when a wait fails as the channel was closed", async () => {
  await using child = shell("exec 3>&-; read -r _", { stdin: "piped" });
  assertFalse(await child.waitNext());
  assertInstanceOf(child.signal.reason, BarrierAbortedError);
  assert(await isPending(child.exited));
});

test("Barrier.destroy() aborts the signal of a process, so that its reason can be thrown", async () => {
  await using child = shell("read -r _ <&3");
  child.destroy();
  assertFalse(await child.waitNext());
  assertInstanceOf(child.signal.reason, BarrierAbortedError);
});

test("BarrierProcess does not warn of listeners while its closed channel is waited for", async () => {
  const { code, stderr } = await runParent("canceled waits");
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
});

for (const channel of CHANNELS) {
  test(`Barrier.destroy() and unref() let a parent leave immediately over "${channel}"`, async () => {
    const parent = startParent("destroy and unref", channel);
    const [pid, leftAtOnce] = (await parent.stdout.text()).split("\n");
    Deno.kill(Number(pid), "SIGKILL");
    assertEquals(leftAtOnce, "true");
    assertEquals((await parent.status).code, 0);
    await parent.stdin.close();
    await parent.stderr.cancel();
  });
}

test("BarrierAbortedError of a process names it, cut short and printable", async () => {
  await using long = spawnWithBarrier(
    `data:application/typescript,/*${"x".repeat(200)}*/`,
  );
  assertFalse(await long.waitNext());
  assertEquals(
    long.signal.reason.message,
    `Child process ${long.pid} (data:application/typescript,/*xxxxxxxxxx...) exited with code 0`,
  );
  await using directory = await TempDir.make();
  const program = `${directory.path}/a\u202e\nb`;
  await Deno.symlink("/bin/true", program);
  await using odd = spawnWithBarrier([program]);
  assertFalse(await odd.waitNext());
  assertEquals(
    odd.signal.reason.message,
    `Child process ${odd.pid} (a\\u{202e}\\u{a}b) exited with code 0`,
  );
});

// How a parent ends

const CRASHES = [
  "an uncaught error",
  "an unhandled rejection",
  "SIGKILL",
  "SIGTERM",
  "Deno.exit()",
  "a natural end",
];

for (const channel of CHANNELS) {
  for (const what of CRASHES) {
    test(`Barrier.place() and a hang-up reach a "${channel}" child at ${what}`, async () => {
      const parent = startParent("crash", channel, what);
      const stderr = await parent.stderr.text(); // ends with the child
      assertStringIncludes(stderr, "+go on\n");
      assertStringIncludes(stderr, "end\n");
      await parent.status;
      await parent.stdin.close();
      await parent.stdout.cancel();
    });
  }
}

for (const endWithParent of [true, false]) {
  const what = endWithParent ? "kills" : "does not kill";
  test(`spawnWithBarrier() ${what} a child with endWithParent ${endWithParent} at an uncaught error`, async () => {
    const parent = startParent("uncaught error", `${endWithParent}`);
    const stderr = await parent.stderr.text(); // ends with the child
    assertEquals(stderr.includes("survived"), !endWithParent, stderr);
    await parent.status;
    await parent.stdin.close();
    await parent.stdout.cancel();
  });
}

test("spawnWithBarrier() keeps a parent alive until its child exits, though nothing is awaited", async () => {
  const { stdout } = await runParent("unawaited exit");
  assertEquals(stdout, "exited 0\n");
});

test("spawnWithBarrier() rejects nothing that nobody handles", async () => {
  await assertRejects(
    async () => {
      await using child = shell("exit 3");
      await child.ready();
    },
    BarrierAbortedError,
    "exited with code 3",
  );
});
