// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assert,
  assertEquals,
  assertLess,
  assertStrictEquals,
} from "@std/assert";
import { atUnload, runAtExit } from "../src/runtime/at_exit.ts";
import { dataUrl, json } from "./_helpers/scripts.ts";
import { type Output, run } from "./_helpers/run.ts";

const AT_EXIT = import.meta.resolve("../src/runtime/at_exit.ts");

/** Another copy of the module, as a second version of the package is. */
const copy: typeof import("../src/runtime/at_exit.ts") = await import(
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
  const [what, freeze] of [
    ["Deno is frozen", "Object.freeze(Deno);"],
    [
      "Deno.exit is read-only",
      `Object.defineProperty(Deno, "exit", { value: Deno.exit, writable: false });`,
    ],
    [
      "Deno.exit cannot be set",
      `const { exit } = Deno;
      Object.defineProperty(Deno, "exit", {
        get: () => exit,
        set() { throw new Error("no"); },
      });`,
    ],
    [
      "addEventListener() throws",
      `globalThis.addEventListener = () => { throw new Error("no"); };`,
    ],
    [
      "process.emit cannot be set",
      `Object.defineProperty(process, "emit", {
        get: () => Object.getPrototypeOf(process).emit,
        set() { throw new Error("no"); },
      });`,
    ],
  ]
) {
  Deno.test(`runAtExit() does not throw where ${what}, and flushes at an exit`, async () => {
    const output = await runProgram(`
      ${freeze}
      runAtExit(() => console.log("flush"));
      atUnload(() => console.log("end"));
      Deno.exit(3);
    `);
    assertEquals({ ...output, stdout: "" }, {
      code: 3,
      stdout: "",
      stderr: "",
    });
    assert(output.stdout.endsWith("flush\nend\n"), output.stdout);
  });
}

for (const code of ["Infinity", "NaN", "-1", "256", "1e20", '"7"', ""]) {
  Deno.test(`runAtExit() leaves Deno.exit(${code}) the exit code that Deno gives it`, async () => {
    const exit = `Deno.exit(${code});`;
    const { code: expected } = await run([Deno.execPath(), "eval", exit]);
    const actual = await runProgram(`runAtExit(() => {}); ${exit}`);
    assertEquals(actual, { code: expected, stdout: "", stderr: "" });
  });
}

for (
  const [how, end] of [
    ["a natural end", ""],
    ["Deno.exit()", "Deno.exit();"],
    ["process.exit()", "process.exit();"],
    [
      "Deno.exit() in an unload listener",
      `addEventListener("unload", () => Deno.exit());`,
    ],
    [
      "process.exit() in an exit listener",
      `process.on("exit", () => process.exit());`,
    ],
  ]
) {
  Deno.test(`atUnload() runs once no listener runs any more at ${how}`, async () => {
    const { code, stdout, stderr } = await runProgram(`
      let isOver = false;
      atUnload(() => console.log(isOver ? "again" : "end"));
      atUnload(() => { isOver = true; });
      const listener = () => { if (isOver) console.log("too early"); };
      addEventListener("unload", listener);
      process.on("exit", listener);
      ${end}
    `);
    assertEquals(stderr, "");
    assertEquals(code, 0);
    assertEquals(stdout.replaceAll("again\n", ""), "end\n");
  });
}

Deno.test("atUnload() runs what is left when one function throws", async () => {
  const output = await runProgram(`
    atUnload(() => { throw new Error("no"); });
    atUnload(() => console.log("end"));
    Deno.exit(3);
  `);
  assertEquals(output, { code: 3, stdout: "end\n", stderr: "" });
});
