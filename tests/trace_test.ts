// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What `BARRIER_TRACE=1` prints, and that it changes nothing else. */

import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { CHANNELS } from "./_helpers/driver.ts";
import { type Output, run } from "./_helpers/run.ts";
import {
  dataUrl,
  inheritingModule,
  json,
  PARENT,
  parentModule,
  runTestdata,
  testdataCommand,
} from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { IS_UNIX, test } from "./_helpers/unix.ts";

const PROGRAMS = "trace.ts";

/** Runs a parent whose `body` has a `child` module to spawn. */
function runTraced(
  body: string,
  child: string,
  { trace = "1" }: { trace?: string } = {},
): Promise<Output> {
  const module = parentModule(`const child = ${json(child)}; ${body}`);
  return run(
    [
      Deno.execPath(),
      "run",
      "--no-prompt",
      "--allow-run",
      "--allow-env",
      module,
    ],
    { env: { BARRIER_TRACE: trace } },
  );
}

const LINE =
  /^\d{13}\.\d{3} barrier (\d+) (?:(parent) of (\d+) \(.+\)|(child)): (.+)$/;

/** The sorted lines of a trace, each with its side, and without its pids. */
function story(stderr: string): string[] {
  const pids = new Set<string>();
  const events = stderr.trimEnd().split("\n").sort().map((line) => {
    assertMatch(line, LINE);
    const [, pid, parent, ofPid, , event] = LINE.exec(line)!;
    pids.add(parent ? ofPid! : pid!);
    return `${parent ?? "child"}: ${event!.replace(/process \d+ .+\)/, "P")}`;
  });
  assertEquals(pids.size, 1, "both sides name the same child");
  return events;
}

/** Those of one side. */
function of(side: "parent" | "child", events: string[]): string[] {
  const prefix = `${side}: `;
  return events.filter((event) => event.startsWith(prefix))
    .map((event) => event.slice(prefix.length));
}

function assertBefore(events: string[], first: string, second: string) {
  const [a, b] = [events.indexOf(first), events.indexOf(second)];
  assert(
    a >= 0 && b >= 0 && a < b,
    `${first} < ${second}:\n${events.join("\n")}`,
  );
}

for (const channel of CHANNELS) {
  Deno.test(`BARRIER_TRACE=1 prints what both sides do, in one story, over "${channel}"`, async () => {
    const { code, stdout, stderr } = await runTraced(
      `
        await using process = spawnWithBarrier(child, { channel: "${channel}" });
        console.log(await process.ready());
        process.place("go on");
        console.log(await process.waitNext());
      `,
      inheritingModule(`
        using parent = await inheritBarrier({ channel: "${channel}" });
        parent.place("ready\\u00e9");
        await parent.waitNext();
      `),
    );
    assertEquals([code, stdout], [0, "ready\u00e9\nfalse\n"]);
    const events = story(stderr);
    assertEquals(of("child", events), [
      "open",
      "place 1: ready\u00e9",
      "wait 1 begins: waitNext",
      "take 1: go on",
      "wait 1 ends: true",
      "hang up",
    ]);
    const ending = of("parent", events).filter((event) => !/^peer/.test(event));
    assertEquals(ending, [
      "open",
      "wait 1 begins: receive",
      "take 1: ready\u00e9",
      "wait 1 ends: true",
      "place 1: go on",
      "wait 2 begins: waitNext",
      "wait 2 ends: false",
      "hang up",
    ]);
    assertBefore(
      events,
      "child: place 1: ready\u00e9",
      "parent: take 1: ready\u00e9",
    );
    assertBefore(events, "parent: place 1: go on", "child: take 1: go on");
    assertBefore(events, "child: hang up", "parent: wait 2 ends: false");
  });
}

test("BARRIER_TRACE=1 prints how a child that is not traced hung up", async () => {
  const { stderr } = await runTraced(
    `
      await using process = spawnWithBarrier(["sh", "-c", "exit 3"]);
      await process.waitNext();
    `,
    "",
  );
  assertEquals(story(stderr), [
    "parent: open",
    "parent: wait 1 begins: waitNext",
    "parent: peer hangs up: Child P exited with code 3",
    "parent: wait 1 ends: false",
    "parent: hang up",
  ]);
});

Deno.test("BARRIER_TRACE=1 prints aborts with their reasons, and what they make void", async () => {
  const { stderr } = await runTraced(
    `
      const process = spawnWithBarrier(child);
      await process.status;
      process[Symbol.dispose]();
    `,
    inheritingModule(`
      const parent = await inheritBarrier();
      parent.place("void");
      parent.abort("disk full");
      Deno.exit(1);
    `),
  );
  const events = story(stderr);
  assertEquals(of("child", events), [
    "open",
    "place 1: void",
    "abort: disk full",
  ]);
  assertEquals(of("parent", events).slice(0, 3), [
    "open",
    "peer aborts: disk full",
    "drop 1: void",
  ]);
  assertBefore(
    events,
    "child: abort: disk full",
    "parent: peer aborts: disk full",
  );
});

Deno.test("BARRIER_TRACE=1 prints a wait that is canceled, and each step of an iteration", async () => {
  const { stdout, stderr } = await run(
    testdataCommand(PROGRAMS, ["cancel"], PARENT),
    {
      env: { BARRIER_TRACE: "1" },
    },
  );
  assertEquals(stdout, "true true\none\ntwo\n");
  const events = of("parent", story(stderr));
  assertEquals(events.filter((event) => !/^peer/.test(event)), [
    "open",
    "wait 1 begins: sync",
    "place 1",
    "wait 2 begins: sync",
    "wait 1 ends: true",
    "wait 2 is canceled: enough\\u{a}\\u{1b}[2J",
    "wait 3 begins: next",
    "take 1: one",
    "wait 3 ends: true",
    "wait 4 begins: next",
    "take 2: two",
    "wait 4 ends: true",
    "wait 5 begins: next",
    "wait 5 ends: false",
    "hang up",
  ]);
});

test("BARRIER_TRACE=1 cuts a long note short, and escapes what a terminal would obey", async () => {
  const script =
    "printf 'a\\342\\200\\256b\\n' >&3; head -c 4000 /dev/zero | tr '\\0' x >&3; echo >&3";
  const { stderr } = await runTraced(
    `
      await using process = spawnWithBarrier(["sh", "-c", ${json(script)}]);
      for await (const _ of process);
    `,
    "",
  );
  const takes = of("parent", story(stderr)).filter((event) =>
    event.startsWith("take")
  );
  assertEquals(takes, [
    "take 1: a\\u{202e}b",
    `take 2: ${"x".repeat(100)}...`,
  ]);
});

test("BARRIER_TRACE=1 prints text on a descriptor as a barrier, and nothing after an abort", async () => {
  const { stderr } = await runTraced(
    `
      await using process = spawnWithBarrier(["sh", "-c", ${
      json("printf 'hello\n+void\nabort why\n+late\nabort again\n' >&3")
    }]);
      await process.status;
    `,
    "",
  );
  const events = of("parent", story(stderr));
  assertEquals(events.filter((event) => !/^(open|hang up)/.test(event)), [
    "peer aborts: why",
    "drop 1: hello",
    "drop 2: void",
    "peer hangs up: Child P exited with code 0",
  ]);
});

Deno.test("BARRIER_TRACE=1 prints the time of the system's clock, also after somebody has set it", async () => {
  const { stderr } = await runTestdata(PROGRAMS, ["clock"]);
  const times = stderr.trimEnd().split("\n").map((line) => parseFloat(line));
  assertEquals(
    times.map((time) => Math.floor((time - times[0]!) / 3_600_000)),
    [0, 0, 2, 2, 1, 1],
  );
  for (const i of [1, 3, 5]) assertLess(times[i - 1]!, times[i]!);
});

/** What a child may do, and the variables that it may then read. */
const MAY_READ = `["BARRIER_TRACE", "BARRIER_CHANNEL", "LISTED", "HOME"].map(
  (variable) => Deno.permissions.querySync({ name: "env", variable }).state[0],
).join("")`;

/**
 * What a child may do, what it may read with a trace, and what it may read
 * without one where the flags that a trace adds could do harm.
 */
const READERS = [
  ["no permission", {}, "gppp", "pppp"],
  [
    "a list of variables",
    { permissions: { env: ["LISTED"] } },
    "gpgp",
    "ppgp",
  ],
  ["all variables", { permissions: { env: true } }, "gggg"],
  ["all permissions", { permissions: "all" }, "gggg"],
  [
    "a list of variables by a short flag",
    { denoArgs: ["-WE=LISTED"] },
    "gpgp",
  ],
  ["all variables by a flag", { denoArgs: ["-RE"] }, "gggg"],
  ["all variables by a cluster", { denoArgs: ["-ER=/x"] }, "gggg"],
  ["a path that it may read", { denoArgs: ["-R=/APE"] }, "gppp"],
  [
    "a list of variables that it may not read",
    { denoArgs: ["--deny-env=LISTED"] },
    "gpdp",
    "ppdp",
  ],
  ["a flag that forbids them", { denoArgs: ["--deny-env"] }, "dddd"],
] as const;

/** What a child has placed, and its lines of the trace. */
interface Reading {
  note: string;
  events: string[];
}

/** Runs all those children below one parent, and returns what each has read. */
async function readAll(trace: string): Promise<Map<string, Reading>> {
  const readers = READERS.filter(([, , , untraced]) =>
    trace === "1" || untraced !== undefined
  );
  const { stdout, stderr } = await runTraced(
    `
      for (const options of ${json(readers.map(([, options]) => options))}) {
        await using process = spawnWithBarrier(child, options);
        console.log(process.pid, await process.ready());
      }
    `,
    inheritingModule(`
      using parent = await inheritBarrier();
      parent.place(${MAY_READ});
    `),
    { trace },
  );
  if (trace === "0") assertEquals(stderr, "");
  const lines = stderr.split("\n").map((line) => LINE.exec(line));
  const readings = stdout.trimEnd().split("\n").map((printed) => {
    const [pid, note] = printed.split(" ");
    const own = lines.filter((line) => line?.[1] === pid && line?.[4]);
    return { note: note!, events: own.map((line) => line![5]!) };
  });
  return new Map(readers.map(([what], i) => [what, readings[i]!]));
}

const readings = new Map<string, Promise<Map<string, Reading>>>();

for (const [what, , traced, untraced] of READERS) {
  Deno.test(`BARRIER_TRACE=1 lets a child with ${what} read it alone`, async () => {
    const read = async (trace: string) => {
      if (!readings.has(trace)) readings.set(trace, readAll(trace));
      return (await readings.get(trace)!).get(what);
    };
    const events = traced[0] === "g"
      ? ["open", `place 1: ${traced}`, "hang up"]
      : [];
    assertEquals(await read("1"), { note: traced, events });
    if (untraced !== undefined) {
      assertEquals(await read("0"), { note: untraced, events: [] });
    }
  });
}

Deno.test("BARRIER_TRACE=1 is for the child alone in 'env', and not for one with 'clearEnv'", async () => {
  const child = inheritingModule(`
    using parent = await inheritBarrier();
    parent.place();
  `);
  const { stderr } = await runTraced(
    `
      await using process = spawnWithBarrier(child, { env: { BARRIER_TRACE: "1" } });
      await process.ready();
    `,
    child,
    { trace: "0" },
  );
  assertEquals(story(stderr), [
    "child: open",
    "child: place 1",
    "child: hang up",
  ]);
  const cleared = await runTraced(
    `
      await using process = spawnWithBarrier(child, { clearEnv: true });
      await process.ready();
    `,
    child,
  );
  assertEquals(of("child", story(cleared.stderr)), []);
});

Deno.test("inheritBarrier() loads nothing for a trace that is off", async () => {
  await using directory = await TempDir.make();
  const map = `${directory.path}/map.json`;
  const loaded = dataUrl("console.log('loaded'); Deno.exit();");
  await Deno.writeTextFile(
    map,
    json({ imports: { [import.meta.resolve("../src/trace.ts")]: loaded } }),
  );
  const child = inheritingModule(`
    using parent = await inheritBarrier();
    console.log("inherited");
  `);
  for (const [trace, printed] of [["0", "inherited\n"], ["1", "loaded\n"]]) {
    const { stdout } = await runTraced(
      `
        await using process = spawnWithBarrier(child, {
          denoArgs: [${json(`--import-map=${map}`)}],
        });
        await process.status;
      `,
      child,
      { trace: trace! },
    );
    assertEquals(stdout, printed);
  }
});

for (const channel of CHANNELS) {
  Deno.test(`BARRIER_TRACE=1 loses nothing that arrives while the child loads the trace, over "${channel}"`, async () => {
    await using directory = await TempDir.make();
    const trace = import.meta.resolve("../src/trace.ts");
    // It takes its time, so that what the parent placed is there before.
    const slow = dataUrl(`
      await new Promise((resolve) => setTimeout(resolve, 50));
      export * from ${json(`${trace}?slow`)};
    `);
    const map = `${directory.path}/map.json`;
    await Deno.writeTextFile(map, json({ imports: { [trace]: slow } }));
    const { stdout } = await runTraced(
      `
        const denoArgs = [${json(`--import-map=${map}`)}];
        const options = { channel: "${channel}", denoArgs };
        await using process = spawnWithBarrier(child, options);
        process.place("early");
        await process.status;
      `,
      inheritingModule(`
        using parent = await inheritBarrier({ channel: "${channel}" });
        const signal = AbortSignal.timeout(10_000);
        console.log(await parent.waitNext({ signal }), parent.note);
      `),
    );
    assertEquals(stdout, "true early\n");
  });
}

test("BARRIER_TRACE=1 leaves waits handled or unhandled, as they are", async () => {
  for (const trace of ["0", "1"]) {
    const { stdout } = await run(
      testdataCommand(PROGRAMS, ["handle"], PARENT),
      {
        env: { BARRIER_TRACE: trace },
      },
    );
    assertEquals(stdout, "handled: enough\nunhandled: enough\n");
  }
});

Deno.test({
  name: "BARRIER_TRACE=1 does no harm where stderr takes nothing",
  ignore: !IS_UNIX || Deno.build.os !== "linux", // it is /dev/full that takes nothing
  fn: async () => {
    const module = parentModule(`
      await using process = spawnWithBarrier(["sh", "-c", "echo ready >&3"]);
      console.log(await process.ready());
    `);
    const flags = ["--no-prompt", "--allow-run", "--allow-env"];
    const { code, stdout } = await run([
      "sh",
      "-c",
      'BARRIER_TRACE=1 exec "$@" 2>/dev/full',
      "sh",
      ...[Deno.execPath(), "run", ...flags, module],
    ]);
    assertEquals([code, stdout], [0, "ready\n"]);
  },
});
