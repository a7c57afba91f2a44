// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What runs when a process exits, and what a barrier sends then. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertStrictEquals,
} from "@std/assert";
import { spawnWithBarrier } from "../../mod.ts";
import { atUnload, runAtExit } from "../../src/runtime/at_exit.ts";
import { CHANNELS } from "../_helpers/driver.ts";
import { type Output, run } from "../_helpers/run.ts";
import {
  dataUrl,
  json,
  PARENT,
  runTestdata,
  testdata,
} from "../_helpers/scripts.ts";
import { test } from "../_helpers/unix.ts";

const PROGRAMS = "at_exit.ts";

const AT_EXIT = import.meta.resolve("../../src/runtime/at_exit.ts");

/** Another copy of the module, as a second version of the package is. */
const copy: typeof import("../../src/runtime/at_exit.ts") = await import(
  `${AT_EXIT}?copy`
);

/** Replaces `Deno.exit`, and puts it back when disposed of. */
function mockExit(exit: (...args: unknown[]) => unknown): Disposable {
  const original = Deno.exit;
  Deno.exit = exit as typeof Deno.exit;
  return { [Symbol.dispose]: () => Deno.exit = original };
}

function exitWith(...args: unknown[]): unknown {
  return Reflect.apply(Deno.exit, Deno, args);
}

/** Runs a program that imports the module. */
function runProgram(body: string, ...flags: string[]): Promise<Output> {
  const source = `
    import { atUnload, runAtExit } from ${json(AT_EXIT)};
    ${body}
  `;
  return run([Deno.execPath(), "run", ...flags, dataUrl(source)], {
    env: { NO_COLOR: "1" },
  });
}

Deno.test("runAtExit() flushes at a mock of Deno.exit, and passes the call on as it came", () => {
  const calls: unknown[][] = [];
  using _ = mockExit((...args) => calls.push(args));
  let unloads = 0;
  const onUnload = () => unloads++;
  let flushes = 0;
  let ends = 0;
  const cancels = [runAtExit(() => flushes++), atUnload(() => ends++)];
  addEventListener("unload", onUnload);
  assertEquals([exitWith(3), exitWith(), exitWith(undefined)], [1, 2, 3]);
  removeEventListener("unload", onUnload);
  cancels.forEach((cancel) => cancel());
  assertEquals(calls, [[3], [], [undefined]]);
  assertEquals({ flushes, unloads, ends }, { flushes: 3, unloads: 0, ends: 0 });
});

Deno.test("runAtExit() finds a mock of Deno.exit that came after it and one that was put back", () => {
  const original = () => "original";
  using _ = mockExit(original);
  let flushes = 0;
  const cancel = runAtExit(() => flushes++);
  const replaced = Deno.exit;
  {
    using _ = mockExit((...args) => Reflect.apply(replaced, Deno, args));
    runAtExit(() => {})();
    assertEquals(exitWith(1), "original");
    assertEquals(flushes, 1);
  }
  Deno.exit = original as unknown as typeof Deno.exit;
  const cancelAnother = runAtExit(() => {});
  assertEquals(exitWith(1), "original");
  assertEquals(flushes, 2);
  cancel();
  cancelAnother();
  assertStrictEquals(Deno.exit as unknown, original);
});

Deno.test("runAtExit() of two copies of the module does not pile up replacements", () => {
  let depth = 0;
  using _ = mockExit(() => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = Infinity;
    depth = new Error().stack!.split("\n").length;
    Error.stackTraceLimit = stackTraceLimit;
  });
  exitWith();
  const bare = depth;
  for (let i = 0; i < 300; i++) {
    const cancel = runAtExit(() => {});
    const cancelCopy = copy.runAtExit(() => {});
    cancel();
    cancelCopy();
  }
  exitWith();
  assertLess(depth - bare, 20);
});

for (
  const what of [
    "Deno is frozen",
    "Deno.exit is read-only",
    "Deno.exit cannot be set",
    "addEventListener() throws",
    "process.emit cannot be set",
  ]
) {
  Deno.test(`runAtExit() does not throw where ${what}, and flushes at an exit`, async () => {
    const output = await runTestdata(PROGRAMS, ["freeze", what], []);
    assertEquals({ ...output, stdout: "" }, {
      code: 3,
      stdout: "",
      stderr: "",
    });
    assert(output.stdout.endsWith("flush\nend\n"), output.stdout);
  });
}

for (const code of ["NaN", "256", '"7"', ""]) {
  Deno.test(`runAtExit() leaves Deno.exit(${code}) the exit code that Deno gives it`, async () => {
    const exit = `Deno.exit(${code});`;
    const { code: expected } = await run([Deno.execPath(), "eval", exit]);
    const actual = await runProgram(`runAtExit(() => {}); ${exit}`);
    assertEquals(actual, { code: expected, stdout: "", stderr: "" });
  });
}

for (
  const how of [
    "a natural end",
    "Deno.exit()",
    "process.exit()",
    "Deno.exit() in an unload listener",
    "process.exit() in an exit listener",
  ]
) {
  Deno.test(`atUnload() runs once no listener runs any more at ${how}`, async () => {
    const { code, stdout, stderr } = await runTestdata(
      PROGRAMS,
      ["listeners", how],
      [],
    );
    assertEquals(stderr, "");
    assertEquals(code, 0);
    assertEquals(stdout.replaceAll("again\n", ""), "end\n");
  });
}

Deno.test("atUnload() runs after every listener though a mock of Deno.exit was called", async () => {
  const output = await runProgram(`
    Deno.exit = () => {};
    atUnload(() => console.log("end"));
    Deno.exit();
    addEventListener("unload", () => console.log("unload"));
    process.on("exit", () => console.log("exit"));
  `);
  assertEquals(output, { code: 0, stdout: "unload\nexit\nend\n", stderr: "" });
});

Deno.test("atUnload() runs what is left when one function throws", async () => {
  const output = await runProgram(`
    atUnload(() => { throw new Error("no"); });
    atUnload(() => console.log("end"));
    Deno.exit(3);
  `);
  assertEquals(output, { code: 3, stdout: "end\n", stderr: "" });
});

/** More than go to the kernel one by one, and more than fit it that way. */
const MANY = 1_000;

/** Where a program can still place barriers while it ends, and how it exits. */
const ENDS = [
  ["in an unload listener at a natural end", 0],
  ["in an unload listener of Deno.exit()", 3],
  ["in an unload listener of process.exit()", 4],
  ["in process.on('exit') at a natural end", 0],
  ["in process.on('exit') of process.exit()", 5],
  ["in an unload listener that calls Deno.exit() itself", 6],
  ["in a listener before one that calls Deno.exit()", 7],
  ["before Deno.exit() with a listener that calls it", 8],
  ["right before an uncaught error", 1],
] as const;

for (const channel of CHANNELS) {
  for (const [where, code] of ENDS) {
    // When it sends is the same over both.
    if (channel === "stdio" && ![3, 5, 8].includes(code)) continue;
    Deno.test(`Barrier.place() arrives over "${channel}" ${where}`, async () => {
      await using child = spawnWithBarrier(testdata(PROGRAMS), {
        args: ["child that ends", channel, `${MANY}`, where],
        channel,
        stderr: "null",
      });
      assert(await child.waitAbortion());
      assertEquals(
        child.signal.reason.message,
        "Barrier aborted by the peer: cleanup failed",
      );
      assertEquals((await child.status).code, code);
    });
  }

  Deno.test(`Barrier.place() ${MANY} times arrives over "${channel}" from an unload listener, and no more`, async () => {
    await using child = spawnWithBarrier(testdata(PROGRAMS), {
      args: ["child that places", channel, `${MANY}`],
      channel,
    });
    await child.exited;
    for (let i = 0; i < MANY; i++) child.place();
    assert(await child.sync());
    child.place();
    assertFalse(await child.sync());
  });

  test(`Barrier.place() arrives over "${channel}" in a parent's unload listener`, async () => {
    const args = ["parent that ends", channel, `${MANY}`];
    const { code, stderr } = await runTestdata(PROGRAMS, args, PARENT);
    assertEquals(
      { code, stderr },
      { code: 4, stderr: "Barrier aborted by the peer: cleanup failed\n" },
    );
  });
}

test("Barrier.destroy() of the last barrier leaves Deno.exit() and process.emit() as they were", async () => {
  const { code, stderr } = await runTestdata(
    PROGRAMS,
    ["two that stop"],
    PARENT,
  );
  assertEquals({ code, stderr }, { code: 0, stderr: "false\nfalse\ntrue\n" });
});

test("Barrier.abort() after many barriers arrives from two barriers of one program", async () => {
  const args = ["two that are aborted", `${MANY}`];
  const { code, stderr } = await runTestdata(PROGRAMS, args, PARENT);
  assertEquals(code, 3);
  assertEquals(stderr, "abort cleanup failed\nabort cleanup failed\n");
});

test("spawnWithBarrier() delivers what is placed before Deno.exit() where Deno is frozen", async () => {
  const args = ["frozen", `${MANY}`];
  const { code, stdout } = await runTestdata(PROGRAMS, args, PARENT);
  assertEquals({ code, stdout }, { code: 3, stdout: `${MANY}\n` });
});
