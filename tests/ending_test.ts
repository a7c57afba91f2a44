// Copyright 2026 the @ipc/barrier authors. MIT license.

/** How a parent ends its children, and how it ends itself. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { BarrierAbortedError, spawnWithBarrier } from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { isPending } from "./_helpers/event_loop.ts";
import { isInstalled } from "./_helpers/programs.ts";
import {
  childModule,
  json,
  readUntil,
  runParent,
  shell,
  startParent,
} from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { IS_UNIX, test } from "./_helpers/unix.ts";

const BLOCKED_WRITER = import.meta.resolve("./testdata/blocked_writer.ts");

/** Whether there is a process of that number that has not been reaped. */
function isRunning(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch {
    return false;
  }
}

// In order: hang-up, stopSignal, SIGKILL

for (const channel of CHANNELS) {
  Deno.test(`BarrierProcess[Symbol.asyncDispose]() lets a child over "${channel}" that knows of the barrier clean up`, async () => {
    let process;
    {
      await using child = spawnWithBarrier(
        childModule(
          channel,
          `
          barrier.place();
          await barrier.waitAbortion();
          await new Promise((resolve) => setTimeout(resolve)); // cleans up
          Deno.exit(42);
          `,
        ),
        { channel },
      );
      assert(await child.waitNext());
      process = child;
    }
    assertEquals((await process.status).code, 42);
  });
}

test("BarrierProcess[Symbol.asyncDispose]() sends 'stopSignal' to a child that stays", async () => {
  let process;
  {
    await using child = shell(
      "trap 'exit 9' INT; echo >&3; while :; do sleep 0.01; done",
      { stopSignal: "SIGINT" },
    );
    assert(await child.waitNext());
    process = child;
  }
  assertEquals((await process.status).code, 9);
});

test("BarrierProcess[Symbol.asyncDispose]() waits 'exitGracePeriod' before it sends a signal", async () => {
  let process;
  {
    // It leaves when the barrier hangs up, if no signal comes before.
    await using child = shell("echo >&3; read -r _ <&3; exit 4", {
      exitGracePeriod: 60_000,
    });
    assert(await child.waitNext());
    process = child;
  }
  assertEquals((await process.status).code, 4);
});

test("BarrierProcess[Symbol.asyncDispose]() ends a child that is stopped", async () => {
  let process;
  {
    await using child = shell(
      "trap 'exit 5' TERM; echo >&3; while :; do sleep 0.01; done",
      { stopGracePeriod: 60_000 },
    );
    assert(await child.waitNext());
    child.kill("SIGSTOP");
    process = child;
  }
  assertEquals((await process.status).code, 5);
});

test("BarrierProcess[Symbol.asyncDispose]() can be called twice, and when the child is gone", async () => {
  const child = shell("echo >&3; read -r _ <&3");
  assert(await child.waitNext());
  await Promise.all([
    child[Symbol.asyncDispose](),
    child[Symbol.asyncDispose](),
  ]);
  await child[Symbol.asyncDispose]();
  assertFalse(isRunning(child.pid));
});

test("BarrierProcess[Symbol.dispose]() starts the ending, and does not wait for it", async () => {
  let process;
  {
    using child = shell("echo >&3; exec sleep 1000");
    assert(await child.waitNext());
    process = child;
  }
  assert(await isPending(process.exited));
  assertEquals((await process.exited).signal, "SIGTERM");
  assertFalse(process.place());
  await process[Symbol.asyncDispose]();
});

test("BarrierProcess[Symbol.asyncDispose]() does not wait for a stdout that nobody reads", async () => {
  const parent = startParent(`
    {
      await using child = spawnWithBarrier(
        ["sh", "-c", "head -c 1000000 /dev/zero; echo >&3; read -r _ <&3"],
        { stopGracePeriod: 1, exitGracePeriod: 60_000 },
      );
      await child.waitNext();
    }
    console.error("ended");
  `);
  const stderr = parent.stderr.getReader();
  assertEquals(await readUntil(stderr, "ended\n"), "ended\n");
  await parent.stdout.cancel();
  await parent.stdin.close();
  await parent.status;
  await stderr.cancel();
});

test("BarrierProcess[Symbol.asyncDispose]() writes the last output of a child that left by itself, also with 'stopGracePeriod' 0", async () => {
  const { stdout } = await runParent(`
    {
      await using _child = spawnWithBarrier(
        ["sh", "-c", "read -r _ <&3; head -c 1000000 /dev/zero"],
        { stopGracePeriod: 0, exitGracePeriod: 60_000 },
      );
    }
    Deno.exit();
  `);
  assertEquals(stdout.length, 1_000_000);
});

Deno.test({
  name:
    "BarrierProcess[Symbol.asyncDispose]() closes the pipe of output that nobody has read",
  ignore: !IS_UNIX || Deno.build.os !== "linux",
  async fn() {
    const { stdout } = await runParent(
      `
      const { untilBlocked } = await import(${json(BLOCKED_WRITER)});
      const pipes = () => {
        const open = Array.from(Deno.readDirSync("/proc/self/fd"));
        return open.filter(({ name }) => {
          try {
            return Deno.readLinkSync("/proc/self/fd/" + name).startsWith("pipe:");
          } catch {
            return false; // it was open to read that directory
          }
        }).length;
      };
      const before = pipes();
      {
        await using child = spawnWithBarrier(
          ["head", "-c", "40000000", "/dev/zero"],
          { stdout: "piped", processGroup: true },
        );
        await untilBlocked(child.pid);
      }
      // Deno closes it a moment after it has read the end.
      const deadline = performance.now() + 20_000;
      while (pipes() > before && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      console.log(pipes() - before);
    `,
      ["--allow-all"],
    );
    assertEquals(stdout, "0\n");
  },
});

test("BarrierProcess is ended where it may run that program alone, also when its exit is reported late", async () => {
  // A system that refuses a signal, and a process that has been reaped, look
  // the same; which it is needs a permission that this parent has not.
  const { stdout, stderr } = await runParent(
    `
    const { ChildProcess } = await import("node:child_process");
    ChildProcess.prototype.kill = () => false;
    {
      await using child = spawnWithBarrier(["sh", "-c", ":"]);
      // It exits, and this process has not noticed.
      const script = 'while ps -o stat= -p "$0" | grep -vq Z; do :; done';
      const args = ["-c", script, String(child.pid)];
      new Deno.Command("sh", { args }).outputSync();
      try {
        child.kill();
      } catch (error) {
        console.log(error.name);
      }
    }
    console.log("ended");
    const child = spawnWithBarrier(["sh", "-c", "sleep 4"], {
      stderr: "null", // or this process's end would wait for it
    });
    await child[Symbol.asyncDispose]().catch(({ name }) => console.log(name));
    Deno.exit();
    `,
    ["--allow-run=sh", "--allow-env"],
  );
  assertEquals(stderr, "");
  assertEquals(stdout, "TypeError\nended\nPermissionDenied\n");
});

test("BarrierProcess.ref() does not wait for those who hold the output of a child that is gone", async () => {
  const { stdout } = await runParent(`
    const child = spawnWithBarrier(
      ["sh", "-c", "sleep 1000 & echo $! >&3"],
      { stdout: "forward", stderr: "null" },
    );
    const sleeper = await child.ready();
    await child.status;
    child.ref();
    console.log(sleeper);
    const late = () => {
      console.log("this process stayed");
      Deno.exit();
    };
    Deno.unrefTimer(setTimeout(late, 20_000));
  `);
  Deno.kill(parseInt(stdout), "SIGKILL");
  assertMatch(stdout, /^\d+\n$/);
});

for (const channel of CHANNELS) {
  test(`BarrierProcess.ready() rejects after what the child said last, over "${channel}"`, async () => {
    const { stdout, stderr } = await runParent(`
      const child = spawnWithBarrier(
        ["sh", "-c", "seq 3000; echo last words; seq 3000 >&2; exit 1"],
        { channel: "${channel}", readyLine: /ready/ },
      );
      try {
        await child.ready();
      } catch {
        Deno.exit();
      }
    `);
    assert(stdout.endsWith("last words\n"));
    assert(stderr.endsWith("\n3000\n"));
  });
}

test("BarrierProcess.status resolves after the end of the barrier", async () => {
  await using child = shell("sleep 1000 & echo $! >&3; exit 3");
  const sleeper = Number(await child.ready());
  assertEquals((await child.status).code, 3);
  assert(child.signal.aborted);
  Deno.kill(sleeper, "SIGKILL");
});

test("BarrierProcess.signal has the reason of 'options.signal' as its cause", async () => {
  const controller = new AbortController();
  await using child = shell("echo >&3; read -r _ <&3", {
    signal: controller.signal,
  });
  assert(await child.waitNext());
  const cause = new Error("no longer needed");
  controller.abort(cause);
  assertStrictEquals(child.signal.reason.cause, cause);
  assertEquals(
    child.signal.reason.message,
    "Barrier aborted by this side: no longer needed",
  );
  await child.exited;
});

test("spawnWithBarrier() ends the child for a reason that throws when it is read", async () => {
  const controller = new AbortController();
  await using child = shell("echo >&3; while :; do sleep 0.01; done", {
    signal: controller.signal,
  });
  assert(await child.waitNext());
  const reason = new Error();
  Object.defineProperty(reason, "message", {
    get() {
      throw new Error("unreadable");
    },
  });
  controller.abort(reason);
  assertEquals((await child.exited).signal, "SIGTERM");
  assertStrictEquals(child.signal.reason.cause, reason);
});

test("spawnWithBarrier() cuts a long reason of 'options.signal' to what the peer can read", async () => {
  const controller = new AbortController();
  await using child = shell('echo >&3; read -r line <&3; echo "$line"', {
    signal: controller.signal,
    exitGracePeriod: 60_000,
    stdout: "piped",
  });
  assert(await child.waitNext());
  controller.abort(new Error(`🙂${"\u2028".repeat(10_000)}`));
  const output = await child.stdout.text();
  assertStringIncludes(output, "abort 🙂\\u{2028}\\u{2028}");
  assert(new TextEncoder().encode(output).length <= 4_097);
});

test("spawnWithBarrier() throws for a 'signal' that is not an AbortSignal, and starts nothing", async () => {
  await using directory = await TempDir.make();
  const file = `${directory.path}/started`;
  assertThrows(
    () => shell(`: >${file}`, { signal: {} as AbortSignal }),
    TypeError,
    "'signal' must be an AbortSignal, received an object",
  );
  // A process that was started after it would have done it before this one.
  await shell(":").status;
  assertThrows(() => Deno.statSync(file), Deno.errors.NotFound);
});

Deno.test({
  name:
    "BarrierProcess.kill() and [Symbol.asyncDispose]() fail with PermissionDenied for a process that may not be signaled",
  // Root that may signal its own processes only, and a child of another user's.
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0 ||
    !isInstalled("setpriv"),
  async fn() {
    const { stderr } = await runParent(
      `
      const child = spawnWithBarrier(["sh", "-c", "echo >&3; read -r _"], {
        stdin: "piped",
        uid: 65534,
        stopGracePeriod: 1,
      });
      await child.waitNext();
      const failed = ({ name, message }) =>
        console.error(name, message.replace(/\\d+/, "PID"));
      try {
        child.kill("SIGINT");
      } catch (error) {
        failed(error);
      }
      await child[Symbol.asyncDispose]().catch(failed);
      await child.stdin.close(); // which lets it go
      console.error((await child.exited).signal);
      `,
      undefined,
      ["setpriv", "--bounding-set=-kill"],
    );
    const message = (signal: string) =>
      `PermissionDenied Cannot send ${signal} to child process PID (sh): the system denies permission; run as the child's user or as root\n`;
    assertEquals(stderr, `${message("SIGINT")}${message("SIGTERM")}null\n`);
  },
});

test("BarrierProcess.kill() takes the number of a signal", async () => {
  await using child = shell("echo >&3; while :; do sleep 0.01; done");
  assert(await child.waitNext());
  child.kill(10);
  assertEquals((await child.exited).signal, "SIGUSR1");
});

// The signal of a process

test("BarrierProcess.signal is not aborted by a daemon that announces itself and closes the descriptor", async () => {
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
  const { code, stderr } = await runParent(`
    const child = spawnWithBarrier(["sh", "-c", "exec 3>&- >&-; read -r _"], {
      stdin: "piped",
    });
    const controller = new AbortController();
    const { signal } = controller;
    for (let i = 0; i < 30; i++) {
      const wait = child.waitNext({ signal: AbortSignal.any([signal, AbortSignal.timeout(i)]) });
      await wait.catch(() => {});
    }
    await child.stdin.close();
    await child.status;
  `);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
});

for (const channel of CHANNELS) {
  test(`Barrier.destroy() and unref() let a parent leave immediately over "${channel}"`, async () => {
    const parent = startParent(`
      const child = spawnWithBarrier(
        ["sh", "-c", "exec sleep 1000 3>&- >&-"],
        { channel: "${channel}", stderr: "null" },
      );
      console.log(child.pid);
      child.destroy();
      child.unref();
      const start = performance.now();
      addEventListener("unload", () => console.log(performance.now() - start < 1_500));
    `);
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

const CRASHES: Record<string, string> = {
  "an uncaught error": "throw new Error('on purpose');",
  "an unhandled rejection":
    "Promise.reject(new Error('on purpose')); await new Promise(() => {});",
  "SIGKILL": "Deno.kill(Deno.pid, 'SIGKILL'); await new Promise(() => {});",
  "SIGTERM": "Deno.kill(Deno.pid, 'SIGTERM'); await new Promise(() => {});",
  "Deno.exit()": "Deno.exit(3);",
  "a natural end": "child.unref();",
};

for (const channel of CHANNELS) {
  for (const [what, crash] of Object.entries(CRASHES)) {
    test(`Barrier.place() reaches a child over "${channel}", and then the hang-up, when its parent ends by ${what}`, async () => {
      const child = childModule(
        channel,
        `
        barrier.place();
        console.error("took", await barrier.waitNext(), barrier.note);
        console.error("more", await barrier.waitNext());
        `,
      );
      const parent = startParent(`
        const child = spawnWithBarrier(${
        json(child)
      }, { channel: "${channel}" });
        await child.waitNext();
        child.place("go on");
        ${crash}
      `);
      const stderr = await parent.stderr.text(); // ends with the child
      assertStringIncludes(stderr, "took true go on\n");
      assertStringIncludes(stderr, "more false\n");
      await parent.status;
      await parent.stdin.close();
      await parent.stdout.cancel();
    });
  }
}

for (const endWithParent of [true, false]) {
  const what = endWithParent ? "kills" : "does not kill";
  test(`spawnWithBarrier() ${what} a child with endWithParent ${endWithParent} at an uncaught error`, async () => {
    const parent = startParent(`
      const script = "echo up; while kill -0 $PPID; do sleep 0.1; done; echo survived >&2";
      const child = spawnWithBarrier(["sh", "-c", script], {
        readyLine: /up/,
        stderr: "inherit",
        endWithParent: ${endWithParent},
      });
      await child.ready();
      setTimeout(() => { throw new Error("on purpose"); });
    `);
    const stderr = await parent.stderr.text(); // ends with the child
    assertEquals(stderr.includes("survived"), !endWithParent, stderr);
    await parent.status;
    await parent.stdin.close();
    await parent.stdout.cancel();
  });
}

test("spawnWithBarrier() keeps a parent alive until its child exits, though nothing is awaited", async () => {
  const { stdout } = await runParent(`
    const child = spawnWithBarrier(["sh", "-c", "read -r _ <&3"], {
      stdout: "null",
    });
    child.place();
    child.exited.then(({ code }) => console.log("exited", code));
  `);
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
