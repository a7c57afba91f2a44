// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { descriptors, launch } from "../../src/spawn/launch.ts";
import { spawnWithBarrier } from "../../mod.ts";
import { resolve } from "../../src/spawn/options.ts";
import { runTestdata, testdata } from "../_helpers/scripts.ts";
import { test } from "../_helpers/unix.ts";

const PROGRAMS = "launch.ts";

/** The child's descriptors, as Node calls them. */
function descriptorsOf(options: object, own?: number): string {
  return descriptors(resolve(["sh"], options), own).join(" ");
}

test("descriptors() has the channel after stdin, stdout and stderr", () => {
  const streams = { stdin: "null", stdout: "null", stderr: "null" };
  const cases: [options: object, descriptors: string][] = [
    [{ channel: "fd" }, "ignore ignore ignore pipe"],
    [{ channel: "fd:3" }, "ignore ignore ignore pipe"],
    // Those in between are somebody else's.
    [{ channel: "fd:5" }, "ignore ignore ignore inherit inherit pipe"],
    [{ channel: "stdio" }, "pipe pipe ignore"],
  ];
  for (const [options, expected] of cases) {
    assertEquals(descriptorsOf({ ...streams, ...options }), expected);
  }
});

test("descriptors() gives a child another pipe in place of this process's own channel", () => {
  const streams = { stdin: "null", stdout: "null", stderr: "null" };
  const cases: [channel: string, own: number, descriptors: string][] = [
    ["fd", 3, "ignore ignore ignore pipe"],
    ["fd", 5, "ignore ignore ignore pipe inherit pipe"],
    ["fd:4", 3, "ignore ignore ignore pipe pipe"],
    ["stdio", 3, "pipe pipe ignore pipe"],
    ["stdio", 4, "pipe pipe ignore inherit pipe"],
  ];
  for (const [channel, own, expected] of cases) {
    assertEquals(descriptorsOf({ ...streams, channel }, own), expected);
  }
});

for (const channel of ["fd:4", "stdio"]) {
  test(`launch() keeps a grandchild over "${channel}" from reading what is for its parent`, async () => {
    await using process = spawnWithBarrier(testdata(PROGRAMS), {
      args: ["child", channel],
      permissions: { run: true, env: true },
    });
    await process.receive();
    process.place("a secret");
    assertEquals(
      await process.receive(),
      "nothing, but a secret for its parent",
    );
  });
}

test("descriptors() has the null device for a stdin that is this process's channel", async () => {
  const { stdout } = await runTestdata(PROGRAMS, ["stdin"]);
  assertEquals(
    stdout,
    "inherit ignore ignore pipe\nignore ignore ignore pipe\n",
  );
});

test("descriptors() has a pipe for every stream that this process reads or writes", () => {
  const cases: [options: object, descriptors: string][] = [
    [{}, "inherit pipe inherit pipe"],
    [{ stdin: "piped" }, "pipe pipe inherit pipe"],
    [{ stdout: "inherit" }, "inherit inherit inherit pipe"],
    [{ stdout: "piped", stderr: "forward" }, "inherit pipe pipe pipe"],
    [{ stderr: "piped" }, "inherit pipe pipe pipe"],
    [{ stdout: "null", readyLine: /x/ }, "inherit pipe pipe pipe"],
    [{ stderr: "null", readyLine: /x/ }, "inherit pipe pipe pipe"],
    [{ channel: "stdio" }, "pipe pipe inherit"],
    [{ channel: "stdio", stderr: "null", readyLine: /x/ }, "pipe pipe pipe"],
  ];
  for (const [options, expected] of cases) {
    assertEquals(descriptorsOf(options), expected);
  }
});

test("launch() starts a process, and returns this side's ends of its pipes", async () => {
  const cases: [options: object, ends: string[]][] = [
    [{ channel: "fd" }, ["socket", "stdout"]],
    [{ channel: "fd:7", stdin: "piped" }, ["socket", "stdin", "stdout"]],
    [{ channel: "stdio", stderr: "piped" }, ["stderr", "stdin", "stdout"]],
    [{ channel: "fd", stdout: "inherit" }, ["socket"]],
  ];
  for (const [options, expected] of cases) {
    const { process, ...ends } = launch(resolve(["true"], options));
    assert(process.pid! > 0);
    const exited = new Promise((resolve) => process.on("close", resolve));
    const found = Object.entries(ends).filter(([, socket]) => socket);
    assertEquals(found.map(([name]) => name).sort(), expected);
    for (const [, socket] of found) socket!.destroy();
    await exited;
  }
});

test("launch() throws for a process that does not start", () => {
  assertThrows(
    () => launch(resolve(["no-such-command"], {})),
    Deno.errors.NotFound,
    'Cannot spawn "no-such-command": the command does not exist',
  );
});
