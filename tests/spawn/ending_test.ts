// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Stopping children, and what stops when this process ends. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertGreater,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type BarrierProcess,
  type SpawnCommandOptions,
  spawnWithBarrier,
} from "../../mod.ts";
import { stop } from "../../src/spawn/ending.ts";
import type { SignalTarget } from "../../src/spawn/process_group.ts";
import { CHANNELS } from "../_helpers/driver.ts";
import { isPending } from "../_helpers/event_loop.ts";
import {
  allGone,
  exists,
  isRunning,
  running,
} from "../_helpers/process_table.ts";
import { Program } from "../_helpers/program.ts";
import { HAS_PRELOAD, isInstalled } from "../_helpers/programs.ts";
import { run } from "../_helpers/run.ts";
import {
  childModule,
  PARENT,
  readUntil,
  runTestdata,
  shell,
  startTestdata,
  testdata,
  testdataCommand,
} from "../_helpers/scripts.ts";
import { STOPPING } from "../_helpers/signals.ts";
import { TempDir } from "../_helpers/temp_dir.ts";
import { IS_UNIX, test } from "../_helpers/unix.ts";

const PROGRAMS = "ending.ts";

/** A child that exits with its group when a test wants it to. */
class FakeChild {
  readonly sent: string[] = [];
  /** How often was looked since the last signal. */
  looks = 0;
  exited: Promise<unknown> = Promise.resolve();
  readonly target: SignalTarget;

  constructor(isGone: (child: FakeChild) => boolean, error?: Error) {
    const isGoneNow = () => isGone(this);
    const target = {
      get isGone(): boolean {
        return isGoneNow();
      },
      send: (signal: string): void => {
        if (error !== undefined) throw error;
        this.sent.push(signal);
        this.looks = 0;
      },
      refused: (signal: string): Error => new Error(`refused ${signal}`),
    };
    this.target = target as unknown as SignalTarget;
  }

  hangUp(): void {
    this.sent.push("hang-up");
  }

  finish(): Promise<unknown> {
    return Promise.resolve();
  }
}

const PLAN = {
  exitGracePeriod: 0,
  stopSignal: "SIGTERM",
  stopGracePeriod: 0,
  processGroup: true,
} as const;

test("stop() waits for the rest of a group after SIGKILL", async () => {
  const child = new FakeChild((child) =>
    child.sent.includes("SIGKILL") && ++child.looks > 3
  );
  await stop(child, PLAN);
  assertEquals(child.sent, ["hang-up", "SIGTERM", "SIGCONT", "SIGKILL"]);
  assertGreater(child.looks, 3);
});

test("stop() sends no signal to a child that has exited by itself", async () => {
  const child = new FakeChild(() => true);
  await stop(child, PLAN);
  assertEquals(child.sent, ["hang-up"]);
});

test("stop() waits for output to be written, though the child has exited", async () => {
  const child = new FakeChild(() => true);
  let isWritten = false;
  child.finish = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    isWritten = true;
  };
  await stop(child, PLAN);
  assert(isWritten);
});

test("stop() rejects where a signal was refused, and the child runs on", async () => {
  const cause = new Deno.errors.NotCapable();
  const child = new FakeChild(() => false, new TypeError("exited?", { cause }));
  child.exited = new Promise(() => {});
  await assertRejects(() => stop(child, PLAN), Error, "refused SIGTERM");
});

for (const channel of CHANNELS) {
  Deno.test(`BarrierProcess[Symbol.asyncDispose]() lets a child over "${channel}" clean up`, async () => {
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
  assertFalse(exists(child.pid));
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
  const parent = startTestdata(PROGRAMS, ["unread stdout"], PARENT);
  const stderr = parent.stderr.getReader();
  assertEquals(await readUntil(stderr, "ended\n"), "ended\n");
  await parent.stdout.cancel();
  await parent.stdin.close();
  await parent.status;
  await stderr.cancel();
});

test("BarrierProcess[Symbol.asyncDispose]() writes the last output with 'stopGracePeriod' 0", async () => {
  const { stdout } = await runTestdata(PROGRAMS, ["last output"], PARENT);
  assertEquals(stdout.length, 1_000_000);
});

Deno.test({
  name:
    "BarrierProcess[Symbol.asyncDispose]() closes the pipe of output that nobody has read",
  ignore: !IS_UNIX || Deno.build.os !== "linux",
  async fn() {
    const { stdout } = await runTestdata("unread_output.ts");
    assertEquals(stdout, "0\n");
  },
});

(HAS_PRELOAD ? Deno.test.ignore : test)(
  "BarrierProcess is stopped with a permission for it alone, its exit reported late",
  async () => {
    const flags = ["--no-prompt", "--allow-run=sh", "--allow-env"];
    const { stdout, stderr } = await runTestdata("late_exit.ts", [], flags);
    assertEquals(stderr, "");
    assertEquals(stdout, "TypeError\nended\nPermissionDenied\n");
  },
);

test("BarrierProcess.ref() does not wait for those who hold the output of a child that is gone", async () => {
  const { stdout } = await runTestdata(PROGRAMS, ["held output"], PARENT);
  Deno.kill(parseInt(stdout), "SIGKILL");
  assertMatch(stdout, /^\d+\n$/);
});

for (const channel of CHANNELS) {
  test(`BarrierProcess.ready() rejects after what the child said last, over "${channel}"`, async () => {
    const { stdout, stderr } = await runTestdata(
      PROGRAMS,
      ["last words", channel],
      PARENT,
    );
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
    "BarrierProcess.kill() and stop() fail with PermissionDenied if the system refuses",
  // Root that may signal its own processes only, and a child of another user's.
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0 ||
    !isInstalled("setpriv"),
  async fn() {
    const { stderr } = await run([
      "setpriv",
      "--bounding-set=-kill",
      ...testdataCommand(PROGRAMS, ["refused signals"], PARENT),
    ]);
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

/** How a child is started, and what it is doing when it is ended. */
interface Kind {
  start(marker: string, signal?: AbortSignal): BarrierProcess;
  /** Waits until it is. */
  settle?(child: BarrierProcess): Promise<unknown>;
}

/** Runs until it is killed, with the marker among its arguments. */
const endless = (marker: string) => `sleep 1000 ${marker}`;

const KINDS: Record<string, Kind> = {
  "that cleans up when the barrier hangs up": {
    start: (marker, signal) =>
      shell(`echo >&3; read -r _ <&3; : ${marker}`, {
        signal,
        exitGracePeriod: 60_000,
      }),
  },
  "that ignores the signal": {
    start: (marker, signal) =>
      shell(`trap "" TERM; echo >&3; exec ${endless(marker)}`, {
        signal,
        stopGracePeriod: 100,
      }),
  },
  "that is stopped": {
    start: (marker, signal) =>
      shell(`echo >&3; exec ${endless(marker)}`, { signal }),
    settle: (child) => Promise.resolve(child.kill("SIGSTOP")),
  },
  "that is dead already": {
    start: (marker, signal) => shell(`echo >&3; : ${marker}`, { signal }),
    settle: (child) => child.exited,
  },
  "that exits during the ending": {
    start: (marker, signal) =>
      shell(`trap "exit 0" TERM; echo >&3; read -r _ <&3; : ${marker}`, {
        signal,
      }),
  },
  'that cleans up, over "stdio"': {
    start: (marker, signal) =>
      shell(`printf "\\036\\n"; read -r _; : ${marker}`, {
        channel: "stdio",
        signal,
        exitGracePeriod: 60_000,
      }),
  },
  "that has a child of its own": {
    start: (marker, signal) =>
      spawnWithBarrier(
        testdata(PROGRAMS),
        {
          args: [
            "parent of a command",
            ...["sh", "-c", `echo >&3; exec ${endless(marker)}`],
          ],
          permissions: { run: true, env: true },
          signal,
          exitGracePeriod: 60_000,
        },
      ),
  },
  "that leads a process group": {
    start: (marker, signal) =>
      shell(`${endless(marker)} & echo >&3; wait`, {
        processGroup: true,
        signal,
      }),
  },
  "that has left its process group": {
    start: (marker, signal) =>
      shell(`${endless(marker)} & echo >&3`, { processGroup: true, signal }),
    settle: (child) => child.exited,
  },
};

const WAYS: Record<string, (kind: Kind, marker: string) => Promise<void>> = {
  async "await using ends a child"(kind, marker) {
    {
      await using child = kind.start(marker);
      await begin(kind, child);
    }
    assertEquals(await isRunning(marker), false);
  },
  async "using ends a child"(kind, marker) {
    let ended: BarrierProcess;
    {
      using child = kind.start(marker);
      ended = child;
      await begin(kind, child);
    }
    await ended.status;
    await allGone(() => running(marker));
    await ended[Symbol.asyncDispose](); // until it has seen that itself
  },
  async "An exception ends a child"(kind, marker) {
    const failure = new Error("the block failed");
    const error = await assertRejects(async () => {
      await using child = kind.start(marker);
      await begin(kind, child);
      throw failure;
    });
    assertEquals(error, failure);
    assertEquals(await isRunning(marker), false);
  },
  async "options.signal ends a child"(kind, marker) {
    const controller = new AbortController();
    const child = kind.start(marker, controller.signal);
    await begin(kind, child);
    controller.abort();
    await child.status;
    await allGone(() => running(marker));
    await child[Symbol.asyncDispose](); // until it has seen that itself
    assert(child.signal.aborted);
  },
};

async function begin(kind: Kind, child: BarrierProcess): Promise<void> {
  await child.ready();
  await kind.settle?.(child);
}

for (const [way, end] of Object.entries(WAYS)) {
  for (const [name, kind] of Object.entries(KINDS)) {
    Deno.test({
      name: `${way} ${name}`,
      ignore: Deno.build.os !== "linux" || !IS_UNIX,
      async fn() {
        const marker = `0.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
        await end(kind, marker);
        await allGone(() => running(marker));
      },
    });
  }
}

/**
 * Starts two children, each of which exits by itself only after the other was
 * asked to exit as well.
 */
function startPair(fifo: string): BarrierProcess[] {
  const actions = [`echo >${fifo}`, `read -r _ <${fifo}`];
  return actions.map((action) =>
    spawnWithBarrier([
      "sh",
      "-c",
      `trap '${action}; exit' TERM; echo >&3; while :; do sleep 0.05; done`,
    ])
  );
}

const TOGETHER: Record<string, (children: BarrierProcess[]) => Promise<void>> =
  {
    async "Promise.all() over stop()"(children) {
      await Promise.all(children.map((child) => child.stop()));
    },
    async "AsyncDisposableStack.defer()"(children) {
      await using stack = new AsyncDisposableStack();
      for (const child of children) stack.use(child);
      stack.defer(async () => {
        await Promise.all(children.map((child) => child.stop()));
      });
    },
  };

for (const [way, stop] of Object.entries(TOGETHER)) {
  test(`BarrierProcess.stop() stops several children by ${way}`, async () => {
    await using directory = await TempDir.make();
    const children = startPair(await directory.makeFifo());
    await Promise.all(children.map((child) => child.ready()));
    await stop(children);
    for (const child of children) {
      assertEquals({ ...await child.status }, {
        success: true,
        code: 0,
        signal: null,
      });
    }
  });
}

/** Ends a parent of one child by a signal, and says how both ended. */
async function endParent(
  options: SpawnCommandOptions,
  signal: Deno.Signal,
): Promise<{ parent: string | null; isChildAlive: boolean }> {
  await using program = new Program(
    PROGRAMS,
    ["server", JSON.stringify(options)],
  );
  const pid = Number(await program.until("\n"));
  assert(pid > 0);
  program.kill(signal);
  const { status } = await program.ended();
  let isChildAlive = true;
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    isChildAlive = false;
  }
  return { parent: status.signal, isChildAlive };
}

for (const [signal] of STOPPING) {
  for (const options of [{}, { processGroup: true }]) {
    test(`spawnWithBarrier() with ${Deno.inspect(options)} stops a child with 'readyLine' at ${signal}`, async () => {
      assertEquals(await endParent(options, signal), {
        parent: signal,
        isChildAlive: false,
      });
    });
  }
}

test("spawnWithBarrier() leaves a child alone with 'endWithParent' false", async () => {
  assertEquals(await endParent({ endWithParent: false }, "SIGINT"), {
    parent: "SIGINT",
    isChildAlive: true,
  });
});
