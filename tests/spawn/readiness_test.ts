// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Waiting until a child is ready or has finished, and what the errors say. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  BarrierAbortedError,
  type BarrierProcess,
  type SpawnCommandOptions,
  spawnWithBarrier,
} from "../../mod.ts";
import { CHANNELS } from "../_helpers/driver.ts";
import { isPending } from "../_helpers/event_loop.ts";
import { run } from "../_helpers/run.ts";
import {
  childModule,
  dataUrl,
  json,
  runTestdata,
  shell,
} from "../_helpers/scripts.ts";
import { TempDir } from "../_helpers/temp_dir.ts";
import { test } from "../_helpers/unix.ts";

/** The message of the error that a wait rejects with, without the process ID. */
async function messageOf(wait: () => Promise<unknown>): Promise<string> {
  const error = await assertRejects(wait, Error);
  return error.message.replace(/^Child process \d+ /, "");
}

test("BarrierProcess.ready() consumes one barrier, and resolves to its own note", async () => {
  await using child = shell(
    "echo one >&3; echo >&3; echo three >&3; read -r _",
    { stdin: "piped" },
  );
  assertEquals(await child.ready(), "one");
  assertEquals(await child.ready(), undefined);
  assertEquals(await child.ready(), "three");
});

test("BarrierProcess.ready() called three times at once gets three notes in order", async () => {
  await using child = shell("echo 1 >&3; echo 2 >&3; echo 3 >&3; read -r _", {
    stdin: "piped",
  });
  const notes = [child.ready(), child.ready(), child.ready()];
  assertEquals(await Promise.all(notes), ["1", "2", "3"]);
});

/** The delays of the timers that `ready()` makes in a program of its own. */
async function timersOfReady(...timeout: string[]): Promise<number[]> {
  const { stdout } = await runTestdata("delays.ts", ["ready", ...timeout]);
  return JSON.parse(stdout);
}

test("BarrierProcess.ready() waits a minute by default", async () => {
  assertEquals(await timersOfReady(), [60_000]);
});

test("BarrierProcess.ready() waits without a limit for Infinity", async () => {
  assertEquals(await timersOfReady("Infinity"), []);
});

const IDLE = "exec sleep 1000";

for (
  const [what, script, options, expected] of [
    [
      "a command without a way to say it",
      IDLE,
      {},
      "it placed no barrier; for a program that does not use barriers, pass 'readyLine', 'readyUrl' or 'readyWhen'",
    ],
    [
      "no line that matches",
      IDLE,
      { readyLine: /ready/ },
      "no line of its output matched /ready/",
    ],
    [
      "the last line of its stderr",
      `echo starting; echo no database >&2; ${IDLE}`,
      { readyLine: /ready/ },
      "no line of its output matched /ready/; the last line that it printed: no database",
    ],
    [
      "the lines of an error tail",
      `echo starting; echo no database >&2; echo retrying >&2; ${IDLE}`,
      { readyLine: /ready/, stderr: "errorTail" },
      "no line of its output matched /ready/; it printed:\n  no database\n  retrying",
    ],
  ] as [string, string, SpawnCommandOptions, string][]
) {
  test(`BarrierProcess.ready() names ${what} in its TimeoutError`, async () => {
    await using child = shell(script, { ...options, name: "server" });
    // A short limit may be over before the lines were read, so try again.
    let message = "";
    for (let timeout = 1; timeout < 5_000 && !message.endsWith(expected);) {
      const { promise, resolve } = Promise.withResolvers<DOMException>();
      child.ready({ timeout }).catch(resolve);
      const error = await promise;
      assertEquals(error.name, "TimeoutError");
      message = error.message.replace(`${timeout} ms`, "N ms");
      timeout *= 4;
    }
    assertEquals(
      message,
      `Child process ${child.pid} (server) was not ready within N ms: ${expected}`,
    );
  });
}

for (const channel of CHANNELS) {
  test(`BarrierProcess.ready() takes a barrier that came while the loop was blocked over "${channel}"`, async () => {
    await using directory = await TempDir.make();
    const placed = `${directory.path}/placed`;
    const [input, place] = channel === "fd"
      ? ["<&3", "echo +up >&3"]
      : ["", "printf '\\036+up\\n'"];
    await using child = shell(
      `read -r _ ${input}; ${place}; : > "$0"; exec sleep 1000`,
      { channel, args: [placed] },
    );
    const ready = child.ready({ timeout: 1 });
    child.place();
    while (!isThere(placed)); // which blocks the event loop
    assertEquals(await ready, "up");
  });
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

test("BarrierProcess.ready() asks in its TimeoutError whether a module takes part", async () => {
  await using child = spawnWithBarrier(dataUrl("setTimeout(() => {}, 1e6);"));
  assertStringIncludes(
    await messageOf(() => child.ready({ timeout: 1 })),
    "it placed no barrier; does it call inheritBarrier() and place()?",
  );
});

test("BarrierProcess.ready() says of a child that was ready how it ended then", async () => {
  await using child = shell("echo up >&3; exit 3");
  await child.ready();
  assertEquals(
    await messageOf(() => child.ready()),
    "(sh) was ready, then exited with code 3",
  );
});

test("BarrierProcess.ready() says in its TimeoutError that a child was ready before", async () => {
  await using child = shell("echo up >&3; exec sleep 1000");
  await child.ready();
  assertEquals(
    await messageOf(() => child.ready({ timeout: 1 })),
    "(sh) was not ready within 1 ms: it placed no further barrier",
  );
});

test("BarrierProcess.ready() points to finished() when a child exits with code 0", async () => {
  await using child = shell("exit 0");
  assertEquals(
    await messageOf(() => child.ready()),
    "(sh) exited with code 0 before it was ready; use finished() to wait for a program to end",
  );
});

test("BarrierProcess.ready() keeps kind, reason and cause of an abort", async () => {
  await using child = shell("echo abort no disk >&3; read -r _ <&3");
  const error = await assertRejects(() => child.ready(), BarrierAbortedError);
  assertEquals(
    { kind: error.kind, side: error.side, reason: error.reason },
    { kind: "aborted", side: "peer", reason: "no disk" },
  );
  assertStringIncludes(error.message, "(sh) is not ready: ");
  assertEquals(error.cause, child.signal.reason);
});

test("BarrierProcess.finished() resolves when the child has exited with code 0", async () => {
  await using child = shell("read -r _ <&3");
  const finished = child.finished();
  assert(await isPending(finished));
  child.place();
  await finished;
});

test("BarrierProcess.finished() resolves after the output is written", async () => {
  await using child = shell("echo last words", { stdout: "piped" });
  const text = child.stdout.text();
  await child.finished();
  assertEquals(await text, "last words\n");
});

for (
  const [script, message] of [
    ["exit 4", "(sh) exited with code 4"],
    ["kill -KILL $$", "(sh) was killed by SIGKILL"],
  ] as const
) {
  test(`BarrierProcess.finished() rejects for a child that runs: ${script}`, async () => {
    await using child = shell(script);
    const error = await assertRejects(
      () => child.finished(),
      BarrierAbortedError,
    );
    assertEquals(error.message, `Child process ${child.pid} ${message}`);
    assertEquals(error.kind, "exited");
    assertEquals(error.status, await child.status);
  });
}

test("BarrierProcess.finished() reports the exit even after an abort", async () => {
  await using child = shell("echo abort >&3; read -r _ <&3; exit 5");
  await child.waitAbortion();
  child.destroy();
  assertEquals(
    await messageOf(() => child.finished()),
    "(sh) exited with code 5",
  );
});

test("BarrierProcess.finished() rejects with the reason of its signal", async () => {
  await using child = shell(IDLE);
  const controller = new AbortController();
  const finished = child.finished(controller);
  const reason = new Error("enough");
  controller.abort(reason);
  assertEquals(await assertRejects(() => finished, Error), reason);
  assertEquals(
    await assertRejects(() => child.finished(controller), Error),
    reason,
  );
});

test("BarrierProcess.finished() keeps the program alive for an unreferenced child", async () => {
  const module = json(import.meta.resolve("../../mod.ts"));
  const { stdout } = await run([
    Deno.execPath(),
    "run",
    "--allow-all",
    dataUrl(`
      import { spawnWithBarrier } from ${module};
      const child = spawnWithBarrier(["sh", "-c", "sleep 0.1"]);
      child.unref();
      child.finished().then(() => console.log("finished"));
    `),
  ]);
  assertEquals(stdout, "finished\n");
});

/** All errors of a child that report how it ended. */
async function endings(child: BarrierProcess): Promise<string[]> {
  await child.status;
  return [
    await messageOf(() => child.finished()),
    await messageOf(() => child.ready()),
    await messageOf(() => Promise.reject(child.signal.reason)),
  ];
}

for (const stream of ["stdout", "stderr"] as const) {
  const fd = stream === "stdout" ? 1 : 2;
  test(`spawnWithBarrier() puts the last line of "errorTail" on ${stream} in every error`, async () => {
    await using child = shell(
      `printf '\\033[31mFATAL\\033[m: no socket\\n' >&${fd}; exit 1`,
      { [stream]: "errorTail" },
    );
    const expected = "(sh) exited with code 1: FATAL: no socket";
    assertEquals(await endings(child), [expected, expected, expected]);
  });
}

test(`spawnWithBarrier() indents several lines of "errorTail" below the message`, async () => {
  await using child = shell("echo one >&2; echo two >&2; exit 1", {
    stderr: "errorTail",
  });
  const expected = "(sh) exited with code 1:\n  one\n  two";
  assertEquals(await endings(child), [expected, expected, expected]);
});

test("spawnWithBarrier() calls a child by its 'name' in errors", async () => {
  await using child = shell("exit 1", { name: "worker 3" });
  await assertRejects(
    () => child.finished(),
    BarrierAbortedError,
    "(worker 3) exited with code 1",
  );
  assertThrows(
    () => child.kill(),
    TypeError,
    `Cannot send SIGTERM to child process ${child.pid} (worker 3)`,
  );
});

test("BarrierProcess.ready() of a module over both channels gives each barrier its own note", async () => {
  for (const channel of ["fd", "stdio"] as const) {
    await using child = spawnWithBarrier(
      childModule(channel, `barrier.place("a"); barrier.place();`),
      { channel },
    );
    assertEquals(await child.ready(), "a");
    assertEquals(await child.ready(), undefined);
  }
});

test("BarrierAbortedError of ready() is one of the library's", async () => {
  await using child = shell("exit 2");
  const error = await child.ready().catch((error) => error);
  assertInstanceOf(error, BarrierAbortedError);
  assertMatch(error.stack!, /BarrierAbortedError: Child process/);
});

test("BarrierProcess.ready() and finished() reject for a signal of the wrong kind", async () => {
  await using child = shell("read -r _ <&3");
  for (const signal of [{}, null, new AbortController(), "aborted"]) {
    const options = { signal: signal as AbortSignal };
    for (
      const wait of [
        () => child.ready(options),
        () => child.finished(options),
      ]
    ) {
      await assertRejects(
        wait,
        TypeError,
        "Cannot wait: 'signal' must be an AbortSignal, received",
      );
    }
  }
});

test("BarrierProcess.ready() and finished() reject with a stack that begins at their call", async () => {
  await using child = shell("exit 3");
  async function caller(wait: () => Promise<unknown>) {
    await wait();
  }
  for (
    const wait of [
      () => child.ready(),
      () => child.finished(),
      () => child.ready({ timeout: 1 }),
    ]
  ) {
    const error = await assertRejects(() => caller(wait), Error);
    const frames = error.stack!.split("\n").slice(1);
    const ours = frames.find((frame) => frame.includes("file:"));
    assertStringIncludes(ours!, "at async caller");
  }
});
