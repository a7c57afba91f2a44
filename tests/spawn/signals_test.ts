// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What a signal does to children, shown with children that only print. */

import { assert, assertEquals } from "@std/assert";
import { isInterrupted, registerChild } from "../../src/spawn/signals.ts";
import { insist, Program } from "../_helpers/program.ts";
import { STOPPING } from "../_helpers/signals.ts";
import { test } from "../_helpers/unix.ts";

const PROGRAMS = "signals.ts";

for (const [signal] of STOPPING) {
  test(`registerChild() has all children stopped at the same time at ${signal}, and dies of it`, async () => {
    await using program = new Program(PROGRAMS, ["two"]);
    const { rest, status } = await program.endedBy(signal);
    assertEquals(rest, "stop a\nstop b\nstopped a\nstopped b\n");
    assertEquals(status.signal, signal);
  });
}

test("registerChild() has the children of another copy of the module stopped, too", async () => {
  await using program = new Program(PROGRAMS, ["copies"]);
  const { rest, status } = await program.endedBy("SIGTERM");
  assertEquals(rest, "stop a\nstopped a\nstopped b\n");
  assertEquals(status.signal, "SIGTERM");
});

test("registerChild() has no child stopped that sees by itself that this process exits", async () => {
  await using program = new Program(PROGRAMS, ["both"]);
  const { rest } = await program.endedBy("SIGINT");
  assertEquals(rest, "stop server\nstopped server\n");
});

test("registerChild() does not listen for a child that sees by itself that this process exits", async () => {
  await using program = new Program(PROGRAMS, ["module"]);
  const { rest, status } = await program.endedBy("SIGINT");
  assertEquals({ rest, signal: status.signal }, { rest: "", signal: "SIGINT" });
});

test("registerChild() stops listening when the last child is removed", async () => {
  await using program = new Program(PROGRAMS, ["listeners"]);
  const all = "SIGINT,SIGTERM,SIGHUP,unload\n";
  assertEquals((await program.ended()).rest, `${all}${all}\n\n`);
});

test("registerChild() does not keep the event loop alive", async () => {
  await using program = new Program(PROGRAMS, ["end"]);
  const { rest, status } = await program.ended();
  assertEquals(rest, "end\nsignal server\n");
  assertEquals(status.code, 0);
});

Deno.test("registerChild() leaves nothing that a sanitizer finds", () => {
  const child = {
    label: () => "a",
    isStopping: () => false,
    stop: () => Promise.resolve(),
    signalStop() {},
    kill() {},
  };
  registerChild(child, true);
  registerChild(child, true)();
  assertEquals(isInterrupted(), false);
});

for (const second of ["SIGINT", "SIGTERM"] as const) {
  test(`registerChild() has children killed at a second signal, ${second}, and dies of that`, async () => {
    await using program = new Program(PROGRAMS, ["endless"]);
    await program.until("running\n");
    program.kill("SIGINT");
    await program.until("stop server\n");
    await insist(program, second);
    const { rest, status } = await program.ended();
    assertEquals(rest, "kill server\n");
    assertEquals(status.signal, second);
  });
}

test("registerChild() takes signals of the same moment for one", async () => {
  await using program = new Program(PROGRAMS, ["until SIGINT"]);
  await program.until("running\n");
  program.kill("SIGTERM");
  await program.until("stop server\n");
  program.kill("SIGINT");
  const { rest, status } = await program.ended();
  assertEquals(rest, "stopped server\n");
  assertEquals(status.code, 130);
});

test("registerChild() lets this process exit with 130 where another listener keeps it alive", async () => {
  await using program = new Program(PROGRAMS, ["another listener"]);
  const { status } = await program.endedBy("SIGINT");
  assertEquals({ ...status }, { success: false, code: 130, signal: null });
});

for (const call of ["Deno.exit(3)", "process.exit(3)"]) {
  test(`registerChild() has children sent a signal at ${call}`, async () => {
    await using program = new Program(PROGRAMS, ["exit", call]);
    const { rest, status } = await program.ended();
    assertEquals(rest, "signal server\n");
    assertEquals(status.code, 3);
  });
}

for (const what of ["a top-level await", "a promise", "a timer"]) {
  test(`registerChild() has no error of ${what} end this process before its children`, async () => {
    await using program = new Program(PROGRAMS, ["failure", what]);
    const { rest, status } = await program.endedBy("SIGTERM");
    assertEquals(rest, "stop server\nstopped server\n");
    assertEquals(status.signal, "SIGTERM");
  });
}

test("registerChild() keeps this process alive until its children have stopped", async () => {
  await using program = new Program(PROGRAMS, ["last timer"]);
  const { rest, status } = await program.endedBy("SIGTERM");
  assertEquals(rest, "stop server\nstopped server\n");
  assertEquals(status.signal, "SIGTERM");
});

test("registerChild() has a child stopped that was started while others are", async () => {
  await using program = new Program(PROGRAMS, ["another"]);
  const { rest } = await program.endedBy("SIGINT");
  assertEquals(
    rest,
    "stop first\nstopped first\nstop second\nstopped second\n",
  );
});

test("registerChild() does not go on for ever where each child starts another", async () => {
  await using program = new Program(PROGRAMS, ["respawning"]);
  const { rest, status } = await program.endedBy("SIGINT");
  assert(rest.endsWith("kill again\n"), rest);
  assertEquals(status.signal, "SIGINT");
});

test("registerChild() lets this process die where a child cannot be stopped", async () => {
  await using program = new Program(PROGRAMS, ["foreign"]);
  const { rest, status } = await program.endedBy("SIGINT");
  assertEquals(rest, "stop foreign\nkill foreign\n");
  assertEquals(status.signal, "SIGINT");
});

for (const [signal] of STOPPING) {
  const expected = signal !== "SIGTERM";
  test(`isInterrupted() is ${expected} once ${signal} has arrived`, async () => {
    await using program = new Program(PROGRAMS, ["interrupted"]);
    await program.until("running false\n");
    program.kill(signal);
    assertEquals(
      (await program.ended()).rest,
      `stop server\n${expected}\nstopped server\n`,
    );
  });
}

test("registerChild() needs no permission", async () => {
  await using program = new Program(PROGRAMS, ["server"], ["--no-prompt"]);
  const { rest, status } = await program.endedBy("SIGINT");
  assertEquals(rest, "stop server\nstopped server\n");
  assertEquals(status.code, 130); // Deno 2.8 has to exit instead
});
