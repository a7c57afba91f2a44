// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Children in Node and Bun. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertStringIncludes,
} from "@std/assert";
import { type BarrierChannelKind, spawnWithBarrier } from "../mod.ts";
import { replayOn } from "./_helpers/child_side.ts";
import {
  spawnDriven,
  withDrivenChildren,
} from "./_helpers/driven_elsewhere.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { turnEventLoop } from "./_helpers/event_loop.ts";
import { firstMessage, IS_IPC, SEND_ERROR } from "./_helpers/fork.ts";
import { block } from "./_helpers/pages.ts";
import { type CommandLine, run } from "./_helpers/run.ts";
import { RUNTIMES, writeProgram } from "./_helpers/runtimes.ts";
import { SCENARIOS } from "./_helpers/scenarios.ts";
import { json } from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { readTraces } from "./_helpers/traces.ts";
import { IS_UNIX } from "./_helpers/unix.ts";

/** Whether every scenario has a process of its own, which takes long. */
const ALL = Deno.env.has("BARRIER_TEST_RUNTIMES");

/** How long, in milliseconds, a child may run: one that runs on has failed. */
const LIMIT = 60_000;

/** More than go to the kernel one by one, and more than fit it that way. */
const MANY = 1_000;

/** How many lines of 4 KB a child prints: more than its stdout holds. */
const LINES = 200;

const PLACE_MANY =
  `for (let i = 0; i < ${MANY}; i++) barrier.place(); barrier.abort("over");`;

/** Where a program can still place barriers while it ends, and how it exits. */
const ENDS: Record<string, { body: string; code: number }> = {
  "right before process.exit()": { body: "PLACE process.exit(3);", code: 3 },
  "at a natural end": { body: "PLACE", code: 0 },
  "right before an uncaught error": {
    body: `setTimeout(() => { PLACE throw new Error("uncaught"); });`,
    code: 1,
  },
  "right before a rejection that is not handled": {
    body: `PLACE Promise.reject(new Error("unhandled"));`,
    code: 1,
  },
  "in an exit listener at a natural end": {
    body: `process.on("exit", () => { PLACE });`,
    code: 0,
  },
  "in an exit listener at an uncaught error": {
    body: `
      process.on("exit", () => { PLACE });
      setTimeout(() => { throw new Error("uncaught"); });
    `,
    code: 1,
  },
  "in an exit listener of process.exit()": {
    body: `process.on("exit", () => { PLACE }); process.exit(4);`,
    code: 4,
  },
  "before a listener that calls process.exit()": {
    body: `
      process.on("exit", () => { PLACE });
      process.on("exit", () => process.exit(5));
    `,
    code: 5,
  },
};

/** A child that does many things, and reports what came of each. */
const CHILD = `
import { inheritBarrier } from "./inherit.mjs";

// Bun has a queue for one of them, and Node for both.
const print = (i) => {
  const line = i + " ".repeat(4_000);
  if (i % 2 === 0) console.log(line);
  else process.stdout.write(line + "\\n");
};
for (let i = 0; i < ${LINES}; i++) console.log("early" + " ".repeat(4_000));
// Not at the top level, where a promise alone keeps Bun alive.
async function main() {
  const report = {};
  process.stdin.setEncoding("utf8");
  const barrier = await inheritBarrier();
  // As Node does below this program, if it shares this stdout.
  process.stdout._handle?.setBlocking?.(false);
  report.variables = Object.keys(process.env).filter((name) =>
    ["BARRIER_CHANNEL", "BARRIER_STATE"].includes(name)
  );
  report.again = await inheritBarrier().catch((error) => error.name);
  barrier.place();
  report.synced = await barrier.sync();
  let notes = 0;
  while (await barrier.receive() !== "last") notes++;
  report.notes = notes;
  report.idle = false;
  process.on("beforeExit", () => report.idle = true);
  setTimeout(() => barrier.place("waiting"));
  report.note = await barrier.receive();
  report.canceled = await barrier.waitNext({ signal: AbortSignal.timeout(1) })
    .catch((error) => error.name);
  for (let i = 0; i < ${LINES}; i++) {
    print(i);
    barrier.place(String(i));
  }
  const { signal } = barrier;
  barrier.place(JSON.stringify(report));
  process.exitCode = signal.aborted ? 1 : 6;
}
main();
`;

/** What such a child has reported, and what its parent has seen. */
interface Report {
  child: Record<string, unknown>;
  /** How many lines had been printed at the first barrier. */
  early: number;
  /** How many lines were printed before each of the barriers. */
  lines: number[];
  stderr: string;
  code: number;
}

async function reportOf(
  command: CommandLine,
  channel: BarrierChannelKind,
): Promise<Report> {
  let printed = 0;
  const child = spawnWithBarrier([...command, await writeProgram(CHILD)], {
    channel,
    env: { BARRIER_STATE: "-1", BARRIER_TRACE: "1" },
    stdout: () => printed++,
    stderr: "piped",
    signal: AbortSignal.timeout(LIMIT),
  });
  await using _ = child;
  const stderr = child.stderr.text();
  await child.receive();
  const early = printed;
  for (let i = 0; i < MANY; i++) child.place("x".repeat(1_000));
  child.place("last");
  await child.receive();
  await turnEventLoop();
  child.place("go on \u00fc");
  const lines: number[] = [];
  let report = "";
  for await (const note of child) {
    if (note?.startsWith("{")) report = note;
    else lines.push(printed);
  }
  const { code } = await child.status;
  return {
    child: JSON.parse(report),
    early,
    lines,
    stderr: await stderr,
    code,
  };
}

/** What a Bun child does with notes of its parent, which are too many for a read. */
const PAUSING_CHILD = `
import { connectInBun } from "./src/runtime/bun_socket.mjs";

let reads = 0;
const socket = await connectInBun(3, () => {
  reads++;
  return false;
});
while (reads === 0) await new Promise((resolve) => setImmediate(resolve));
// Long enough for another read, if there were one.
await new Promise((resolve) => setTimeout(resolve, 200));
socket.write("+" + reads + "\\n");
while (reads === 1) {
  socket.resume();
  await new Promise((resolve) => setImmediate(resolve));
}
socket.write("resumed\\n");
process.exit();
`;

const bun = RUNTIMES.find(({ name }) => name === "Bun")?.command;

Deno.test({
  name: "connectInBun() reads no more until the socket is resumed",
  ignore: bun === undefined || !IS_UNIX,
  async fn() {
    await using child = spawnWithBarrier(
      [...bun!, await writeProgram(PAUSING_CHILD)],
      { signal: AbortSignal.timeout(LIMIT) },
    );
    for (let i = 0; i < 200; i++) child.place("x".repeat(4_000));
    assertEquals(await child.receive(), "1");
    assertEquals(await child.receive(), "resumed");
  },
});

for (const { name, command } of RUNTIMES) {
  /** Defines a test that starts children in this runtime. */
  const test = (title: string, run: (command: CommandLine) => Promise<void>) =>
    Deno.test({
      name: `${title} in ${name}`,
      ignore: command === undefined || !IS_UNIX,
      fn: () => run(command!),
    });

  for (const channel of CHANNELS) {
    let reported: Promise<Report> | undefined;
    /** Defines a test of what a child over this channel reports. */
    const testReport = (title: string, check: (report: Report) => void) =>
      test(`${title} over "${channel}"`, async (command) => {
        check(await (reported ??= reportOf(command, channel)));
      });

    testReport("inheritBarrier() removes its variables", ({ child }) => {
      assertEquals(child.variables, []);
    });

    testReport(
      "inheritBarrier() rejects when it is called again",
      ({ child }) => {
        assertEquals(child.again, "Busy");
      },
    );

    testReport("inheritBarrier() counts on from BARRIER_STATE", ({ child }) => {
      assertEquals(child.synced, true);
    });

    testReport(
      "Barrier.receive() gets many notes that arrive at once",
      ({ child }) => {
        assertEquals(child.notes, MANY);
      },
    );

    testReport("A pending wait keeps the process alive", ({ child }) => {
      assertEquals({ note: child.note, idle: child.idle }, {
        note: "go on \u00fc",
        idle: false,
      });
    });

    testReport(
      "A canceled wait and a signal do not keep the process alive",
      ({ child, code }) => {
        assertEquals({ canceled: child.canceled, code }, {
          canceled: "TimeoutError",
          code: 6,
        });
      },
    );

    testReport("BARRIER_TRACE prints what a child does", ({ stderr }) => {
      assertStringIncludes(stderr, " child: open\n");
      assertStringIncludes(stderr, " child: place 2: waiting\n");
    });

    if (channel !== "stdio") continue;
    testReport(
      "Barrier.place() arrives after output before inheritBarrier()",
      ({ early }) => assertEquals(early, LINES),
    );
    testReport(
      "Barrier.place() arrives after what was printed before it",
      ({ lines }) => {
        assertEquals(lines.length, LINES);
        lines.forEach((printed, i) => assertGreater(printed, LINES + i));
      },
    );
  }

  for (const [where, { body, code }] of Object.entries(ENDS)) {
    // Both releases of Node exit in the same way.
    if (name === "Node 24" && code !== 3) continue;
    const channels = code === 3 ? CHANNELS : CHANNELS.slice(0, 1);
    for (const channel of channels) {
      test(`What is placed ${where} arrives over "${channel}"`, async (command) => {
        const path = await writeProgram(`
          import { inheritBarrier } from "./inherit.mjs";
          const barrier = await inheritBarrier();
          ${body.replace("PLACE", PLACE_MANY)}
        `);
        const child = spawnWithBarrier([...command, path], {
          channel,
          stderr: "null",
          signal: AbortSignal.timeout(LIMIT),
        });
        await using _ = child;
        assert(await child.waitAbortion());
        assertEquals(child.signal.reason.reason, "over");
        assertEquals((await child.status).code, code);
      });
    }
  }

  test('inheritBarrier() passes systemd\'s scenarios and traces over "fd"', async (command) => {
    const scenarios = Object.values(SCENARIOS);
    const traces = await readTraces(ALL ? 60 : 300);
    await withDrivenChildren(
      command,
      scenarios.length + traces.length,
      async (children) => {
        await Promise.all(
          children.map((child, index) =>
            index < scenarios.length
              ? scenarios[index]!(child, child.barrier)
              : replayOn(child, traces[index - scenarios.length]!)
          ),
        );
      },
    );
  });

  // What follows is the same in both releases of Node.
  if (name === "Node 24" && !ALL) continue;

  test("inheritBarrier() and spawnWithBarrier() say what is missing", async (command) => {
    const path = await writeProgram(`
      import { once } from "node:events";
      import { isMainThread, parentPort, Worker } from "node:worker_threads";
      import { completeAndExit, inheritBarrier, runMain, SharedCompletion, spawnWithBarrier } from "./mod.mjs";
      if (!isMainThread) {
        const error = await inheritBarrier({ channel: "stdio" }).catch((error) => error);
        parentPort.postMessage(error.name + " " + error.message);
        process.exit();
      }
      const results = [];
      for (const channel of [undefined, "", "fd:3", "fd:4", "tcp:80"]) {
        for (const optional of [false, true]) {
          if (channel !== undefined) process.env.BARRIER_CHANNEL = channel;
          const result = await inheritBarrier({ optional }).catch((error) => error);
          results.push(result?.name ?? String(result));
        }
      }
      try {
        spawnWithBarrier(["true"]);
      } catch (error) {
        results.push(error.message);
      }
      results.push((await runMain(() => {}).catch((error) => error)).message);
      try {
        completeAndExit(new SharedCompletion());
      } catch (error) {
        results.push(error.message);
      }
      results.push(...await once(new Worker(new URL(import.meta.url)), "message"));
      console.log(results.join("\\n"));
    `);
    const { stdout, stderr } = await run([...command, path]);
    const [version] = /(Node|Bun) \d+\.\d+\.\d+/.exec(stdout) ?? [];
    assertEquals(
      stdout.trimEnd().split("\n"),
      [
        ...["NotFound", "undefined", "NotFound", "undefined"],
        ...["BadResource", "undefined", "BadResource", "undefined"],
        ...["TypeError", "TypeError"],
        `Cannot spawn a child: it needs Deno, received ${version}; start it with node:child_process and give a descriptor of it to Barrier.over()`,
        `Cannot run the main function: it needs Deno, received ${version}; call it directly`,
        "Cannot exit with a completion: this program does not run in Deno; call complete() and process.exit()",
        'NotFound Cannot inherit a barrier: a thread has no stdin of the process; call inheritBarrier() in the main thread, or use the channel "fd"',
      ],
      stderr,
    );
  });

  test("inheritBarrier() rejects where descriptor 3 is an IPC channel", async (command) => {
    const path = await writeProgram(`
      import { inheritBarrier } from "./inherit.mjs";
      ${SEND_ERROR}
    `);
    assertEquals(await firstMessage([...command, path]), IS_IPC);
  });

  test("Barrier.over() joins a parent and a Deno child", async (command) => {
    const shown = block("// parent.mjs")
      .replace('"deno"', json(Deno.execPath())).replace(
        "@ipc/barrier/barrier",
        "./barrier.mjs",
      );
    const path = await writeProgram(`
      ${shown.replace("// parent.mjs", "")}
      console.log(await barrier.receive(), await barrier.waitNext());
    `);
    await using directory = await TempDir.make();
    await Deno.writeTextFile(
      `${directory.path}/child.ts`,
      `import { inheritBarrier } from ${
        json(import.meta.resolve("../inherit.ts"))
      };
      using parent = await inheritBarrier();
      parent.place("ready");
      await parent.receive();
      for (let i = 0; i < ${MANY}; i++) parent.place("over");
      Deno.exit();`,
    );
    const { code, stdout, stderr } = await run([...command, path], {
      cwd: directory.path,
      env: { NO_COLOR: "1" },
    });
    assertEquals({ code, stdout }, {
      code: 0,
      stdout: "the child is ready\nover true\n",
    }, stderr);
  });

  test('inheritBarrier() passes systemd\'s scenarios and traces over "stdio"', async (command) => {
    const scenarios = Object.values(SCENARIOS);
    for (const scenario of scenarios.filter((_, i) => ALL || i % 8 === 3)) {
      await using child = await spawnDriven(command);
      await scenario(child, child.barrier);
    }
    for (const trace of await readTraces(ALL ? 100 : 2_000)) {
      await using child = await spawnDriven(command);
      await replayOn(child, trace);
    }
  });
}
