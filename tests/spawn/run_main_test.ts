// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { runMain } from "../../src/spawn/run_main.ts";
import { insist, Program } from "../_helpers/program.ts";
import { STOPPING } from "../_helpers/signals.ts";
import { test } from "../_helpers/unix.ts";

const PROGRAMS = "run_main.ts";

Deno.test("runMain() resolves to what main returns or resolves to", async () => {
  assertEquals(await runMain(() => 3), 3);
  assertEquals(await runMain(() => Promise.resolve("done")), "done");
});

Deno.test("runMain() rejects with what main throws or rejects with", async () => {
  const error = new Error("no");
  const mains = [() => Promise.reject(error), () => {
    throw error;
  }];
  for (const main of mains) {
    assertStrictEquals(await assertRejects(() => runMain(main)), error);
  }
});

Deno.test("runMain() rejects with an error that is its own cause", async () => {
  const error = new Error("circular");
  error.cause = error;
  const main = () => Promise.reject(error);
  assertStrictEquals(await assertRejects(() => runMain(main)), error);
});

Deno.test("runMain() gives main a signal that is not aborted", async () => {
  const signal = await runMain((signal) => signal);
  assertEquals(signal.aborted, false);
});

for (const value of [undefined, null, {}, "main"]) {
  Deno.test(`runMain() rejects with a TypeError for ${Deno.inspect(value)}`, async () => {
    const error = await assertRejects(() => runMain(value as never), TypeError);
    assertMatch(
      error.message,
      /^Cannot run the main function: it must be a function, received /,
    );
  });
}

for (const [signal] of STOPPING) {
  test(`runMain() aborts its signal at ${signal}, waits for main and dies of the signal`, async () => {
    await using program = new Program(PROGRAMS, ["cleanup"]);
    const { rest, errors, status } = await program.endedBy(signal);
    assertEquals(rest, `AbortError Stopped by ${signal}\nclean\n`);
    assertEquals(errors, "");
    assertEquals(status.signal, signal);
  });
}

test("runMain() ends blocks in their order, and runs finally", async () => {
  await using program = new Program(PROGRAMS, ["blocks"]);
  const { rest, errors, status } = await program.endedBy("SIGINT");
  assertEquals(rest, "end of app\nend of database\nfinally\n");
  assertEquals(errors, "");
  assertEquals(status.signal, "SIGINT");
});

test("runMain() leaves it to main to stop children, and has those stopped that main left", async () => {
  await using program = new Program(PROGRAMS, ["child of main"]);
  const { rest, status } = await program.endedBy("SIGINT");
  assertEquals(rest, "end of main\nstop server\nstopped server\n");
  assertEquals(status.signal, "SIGINT");
});

test("runMain() has children stopped as before once main has ended", async () => {
  await using program = new Program(PROGRAMS, ["child after main"]);
  const { rest, status } = await program.endedBy("SIGTERM");
  assertEquals(rest, "stop server\nstopped server\n");
  assertEquals(status.signal, "SIGTERM");
});

test("runMain() does not listen any more once main has ended", async () => {
  await using program = new Program(PROGRAMS, ["signal after main"]);
  const { status } = await program.ended();
  assertEquals(status.signal, "SIGINT");
});

/** Errors that main may end with after a signal, and whether they are printed. */
const ERRORS = [
  ["the reason of its signal", false],
  ["an error that the signal has caused", false],
  ["several that it has caused", false],
  ["one that it has caused while another was thrown", false],
  ["another error", true],
  ["several of which one is another", true],
  ["another that was suppressed", true],
  ["one that causes itself", true],
  ["a value that is not an error", true],
] as const;

for (const [what, isPrinted] of ERRORS) {
  test(`runMain() ${isPrinted ? "prints" : "does not print"} ${what}`, async () => {
    await using program = new Program(PROGRAMS, ["failure", what]);
    const { errors, status } = await program.endedBy("SIGINT");
    if (isPrinted) assertStringIncludes(errors, "disk full");
    else assertEquals(errors, "");
    assertEquals(status.signal, "SIGINT");
  });
}

test("runMain() does not print the error of a child that has died of the same Ctrl-C", async () => {
  await using program = new Program(PROGRAMS, ["child killed by Ctrl-C"]);
  const pid = Number(/\d+/.exec(await program.until("\n"))![0]);
  Deno.kill(pid, "SIGINT"); // whoever notices first
  program.kill("SIGINT");
  const { errors, status } = await program.ended();
  assertEquals(errors, "");
  assertEquals(status.signal, "SIGINT");
});

test("runMain() waits for a signal that a child has died of before it arrives here", async () => {
  await using program = new Program(PROGRAMS, ["signal after a child's"]);
  const { errors, status } = await program.ended();
  assertEquals(errors, "");
  assertEquals(status.signal, "SIGINT");
});

test("runMain() does not print that a wait has ended because the child was stopped", async () => {
  await using program = new Program(PROGRAMS, ["wait for a stopped child"]);
  const { errors, status } = await program.endedBy("SIGTERM");
  assertEquals(errors, "");
  assertEquals(status.signal, "SIGTERM");
});

test("runMain() rejects where a child has died of a signal that this process did not get", async () => {
  await using program = new Program(PROGRAMS, ["child killed alone"]);
  const { errors, status } = await program.ended();
  assertStringIncludes(errors, "was killed by SIGTERM");
  assertEquals(status.code, 1);
});

for (const second of ["SIGINT", "SIGTERM"] as const) {
  test(`runMain() has all children killed at ${second} while main cleans up, and dies of that`, async () => {
    await using program = new Program(PROGRAMS, ["endless cleanup"]);
    await program.until("running\n");
    program.kill("SIGINT");
    await program.until("cleaning up\n");
    await insist(program, second);
    const { rest, status } = await program.ended();
    assertEquals(rest, "kill server\nkill module\n");
    assertEquals(status.signal, second);
  });
}

for (
  const [count, line] of [
    [
      0,
      "Waiting for the main function to end; press Ctrl-C again to exit immediately",
    ],
    [1, "Waiting for child 1 to exit; press Ctrl-C again to kill it"],
    [
      3,
      "Waiting for child 1, child 2 and child 3 to exit; press Ctrl-C again to kill them",
    ],
    [
      7,
      "Waiting for child 1, child 2, child 3, child 4, child 5 and 2 more to exit; press Ctrl-C again to kill them",
    ],
  ] as const
) {
  test(`runMain() says what it waits for if stopping takes a second, with ${count} children`, async () => {
    await using program = new Program(PROGRAMS, [
      "stopping children",
      `${count}`,
    ]);
    await program.until("running\n");
    program.kill("SIGTERM");
    assertEquals(await program.errorsUntil("\n"), `${line}\n`);
  });
}

test("runMain() names the children that were asked to exit alone, if stopping takes a second", async () => {
  await using program = new Program(PROGRAMS, ["one child stopping"]);
  await program.until("running\n");
  program.kill("SIGTERM");
  assertEquals(
    await program.errorsUntil("\n"),
    "Waiting for app to exit; press Ctrl-C again to kill it\n",
  );
});

test("runMain() says once what it waits for, also for children that main has left", async () => {
  await using program = new Program(PROGRAMS, ["two with endless children"]);
  await program.until("running\nrunning\n");
  program.kill("SIGTERM");
  const line = await program.errorsUntil("\n");
  assertMatch(line, /^Waiting for server and server to exit; .*\n$/);
  await insist(program, "SIGTERM");
  assertEquals((await program.ended()).errors, "");
});

test("runMain() lets this process exit with 143 where another listener keeps it alive", async () => {
  await using program = new Program(PROGRAMS, ["another listener"]);
  const { status } = await program.endedBy("SIGTERM");
  assertEquals({ ...status }, { success: false, code: 143, signal: null });
});

test("runMain() waits for all main functions that run", async () => {
  await using program = new Program(PROGRAMS, ["two"]);
  await program.until("running\nrunning\n");
  program.kill("SIGINT");
  assertEquals((await program.ended()).rest, "end of a\nend of b\n");
});

test("runMain() within a main function ends like any other call", async () => {
  await using program = new Program(PROGRAMS, ["nested"]);
  const { rest, errors, status } = await program.endedBy("SIGTERM");
  assertEquals(rest, "end of inner\nfinally true\n");
  assertEquals(errors, "");
  assertEquals(status.signal, "SIGTERM");
});

Deno.test("runMain() within a main function gets its signal, and rejects as usual", async () => {
  await runMain(async (signal) => {
    await runMain((inner) => assertStrictEquals(inner, signal));
    await assertRejects(
      () => runMain(() => Promise.reject(new Error("no"))),
      Error,
      "no",
    );
  });
});

Deno.test("runMain() that follows a main function which has ended is another one", async () => {
  const { promise, resolve } = Promise.withResolvers<AbortSignal>();
  const outer = await runMain((signal) => {
    setTimeout(async () => resolve(await runMain((inner) => inner)));
    return signal;
  });
  assert(await promise !== outer);
});

test("runMain() does not print another rejection that the signal has caused", async () => {
  await using program = new Program(PROGRAMS, ["another rejection"]);
  const { rest, errors, status } = await program.endedBy("SIGINT");
  assertEquals({ rest, errors }, { rest: "clean\n", errors: "" });
  assertEquals(status.signal, "SIGINT");
});
