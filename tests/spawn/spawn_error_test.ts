// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import { spawnWithBarrier } from "../../mod.ts";
import { resolve } from "../../src/spawn/options.ts";
import { spawnError } from "../../src/spawn/spawn_error.ts";
import { openDescriptors } from "../_helpers/descriptors.ts";
import { CHANNELS } from "../_helpers/driver.ts";
import { HAS_PRELOAD, isInstalled } from "../_helpers/programs.ts";
import { run } from "../_helpers/run.ts";
import { runTestdata, testdataCommand } from "../_helpers/scripts.ts";
import { TempDir } from "../_helpers/temp_dir.ts";
import { IS_UNIX, test } from "../_helpers/unix.ts";

/** What `node:child_process` reports. */
function nodeError(code: string, message: string): Error {
  const spawnargs = ["sh", "-c", "secret"];
  return Object.assign(new Error(message), { code, spawnargs, path: "sh" });
}

Deno.test("spawnError() says what is wrong and what to do", () => {
  const denied =
    "the system denies permission; check that the file is executable and that this user may run it";
  const cases: [Error, options: unknown, ErrorClass: unknown, string][] = [
    [
      nodeError("EBADF", "Bad file"),
      { channel: "fd:9" },
      RangeError,
      'the channel "fd:9" exceeds the limit of open files of this process; choose a lower number or raise the limit (ulimit -n)',
    ],
    ...["EMFILE", "ENFILE"].map((code): [Error, unknown, unknown, string] => [
      nodeError(code, "Too many"),
      {},
      Error,
      "there are too many open files; stop some children or raise the limit (ulimit -n)",
    ]),
    [
      nodeError("EAGAIN", "Try again"),
      {},
      Deno.errors.WouldBlock,
      "there are too many processes; stop some or raise the limit (ulimit -u)",
    ],
    [nodeError("EACCES", "No"), {}, Deno.errors.PermissionDenied, denied],
    [
      nodeError("EPERM", "No"),
      { uid: 1 },
      Deno.errors.PermissionDenied,
      `${denied} as another user or group`,
    ],
    [
      new Deno.errors.NotCapable('Requires run access to "sh"'),
      {},
      Deno.errors.NotCapable,
      'requires run access to "sh"',
    ],
    [
      new Deno.errors.FilesystemLoop(
        "Failed to spawn '/a/b': Too many levels of symbolic links",
      ),
      {},
      Deno.errors.FilesystemLoop,
      "too many levels of symbolic links",
    ],
    [new Error("Failed\x1b[31m"), {}, Error, "failed\\u{1b}[31m"],
  ];
  for (const [cause, options, ErrorClass, what] of cases) {
    const error = spawnError(cause, resolve(["sh"], options));
    assertEquals(error.message, `Cannot spawn "sh": ${what}`);
    assertEquals(error.constructor, ErrorClass);
  }
});

Deno.test("spawnError() keeps the code of its cause, and neither arguments nor control characters", () => {
  const cause = nodeError("ENOENT", "spawn a\x1b[31m ENOENT");
  const error = spawnError(cause, resolve(["sh", "-c", "secret"], {}));
  const shown = error.cause as Error & { code: string };
  assertEquals(shown.code, "ENOENT");
  assertEquals(shown.message, "spawn a\\u{1b}[31m ENOENT");
  const text = Deno.inspect(error);
  for (const part of ["secret", "\x1b", "\\x1b"]) {
    assertFalse(text.includes(part), text);
  }
});

Deno.test("spawnError() calls a module by its name", () => {
  const cause = nodeError("ENOENT", "spawn deno ENOENT");
  const plan = resolve("https://user:token@host/a.ts", { cwd: "/no/such" });
  assertEquals(
    spawnError(cause, plan).message,
    'Cannot spawn "https://host/a.ts": the working directory "/no/such" does not exist',
  );
});

// What the system reports

for (const channel of CHANNELS) {
  Deno.test(`spawnWithBarrier() throws for a command that is missing over "${channel}"`, () => {
    for (const command of ["no-such-command", "./no-such", "/no/such"]) {
      const error = assertThrows(
        () => spawnWithBarrier([command], { channel }),
        Deno.errors.NotFound,
      );
      assertEquals(
        error.message,
        `Cannot spawn "${command}": the command does not exist; check its spelling and PATH`,
      );
    }
  });

  Deno.test(`spawnWithBarrier() leaves no descriptor of a missing command over "${channel}"`, () => {
    // Deno loses one if the command has a path, and the system looks for it.
    const before = openDescriptors();
    assertThrows(() => spawnWithBarrier(["no-such-command"], { channel }));
    assertEquals(openDescriptors(), before);
  });
}

/** Runs a command that cannot be run, and returns the error's message. */
function failure(
  command: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; uid?: number } = {},
): string {
  const error = assertThrows(() => spawnWithBarrier(command, options));
  assertInstanceOf(error, Error);
  return error.message;
}

test("spawnWithBarrier() says that it is the working directory that is missing", () => {
  const what = (cwd: string) => failure(["sh"], { cwd });
  assertEquals(
    what("/no/such\x1b"),
    'Cannot spawn "sh": the working directory "/no/such\\u{1b}" does not exist',
  );
  assertEquals(
    what("/etc/passwd"),
    'Cannot spawn "sh": the working directory "/etc/passwd" is not a directory',
  );
});

test("spawnWithBarrier() names an interpreter that is missing, wherever the script is found", async () => {
  await using directory = await TempDir.make();
  const tool = `${directory.path}/tool`;
  await Deno.writeTextFile(tool, "#! /no/such -x\n", { mode: 0o755 });
  const what =
    'its interpreter "/no/such" does not exist; install it or change the first line of the script';
  const cwd = directory.path;
  assertEquals(failure([tool]), `Cannot spawn "${tool}": ${what}`);
  assertEquals(failure(["./tool"], { cwd }), `Cannot spawn "./tool": ${what}`);
  assertEquals(
    failure(["tool"], { env: { PATH: `/no:${directory.path}` } }),
    `Cannot spawn "tool": ${what}`,
  );
});

test("spawnWithBarrier() says that the first line of a script ends in CR LF", async () => {
  await using directory = await TempDir.make();
  const tool = `${directory.path}/tool`;
  await Deno.writeTextFile(tool, "#!/bin/sh\r\necho\r\n", { mode: 0o755 });
  assertEquals(
    failure([tool]),
    `Cannot spawn "${tool}": the first line of the script ends in CR LF, so the system looks for "/bin/sh\\r"; save the file with LF`,
  );
});

Deno.test({
  name: "spawnWithBarrier() says that the loader of a program is missing",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using directory = await TempDir.make();
    const bytes = await Deno.readFile("/bin/true");
    const text = new TextDecoder("latin1").decode(bytes);
    const at = text.search(/\/lib\S*\/ld-/);
    assert(at > 0);
    bytes[at + 1] = "x".charCodeAt(0);
    const program = `${directory.path}/program`;
    await Deno.writeFile(program, bytes, { mode: 0o755 });
    assertEquals(
      failure([program]),
      `Cannot spawn "${program}": the file exists, but not the interpreter or loader that it names; install that`,
    );
  },
});

test("spawnWithBarrier() throws for a command that the system refuses", async () => {
  await using directory = await TempDir.make();
  const file = `${directory.path}/file`;
  await Deno.writeTextFile(file, "#!/bin/sh\n");
  for (const command of [file, "/"]) {
    assertThrows(
      () => spawnWithBarrier([command]),
      Deno.errors.PermissionDenied,
      `Cannot spawn "${command}": the system denies permission; check that`,
    );
  }
  assertEquals(
    failure(["sh", "-c", "x".repeat(3e6)]),
    'Cannot spawn "sh": argument list too long (os error 7)',
  );
});

Deno.test({
  name: "spawnWithBarrier() throws for a descriptor beyond the limit",
  // Deno 2.8.2 starts the command without the descriptor.
  ignore: !IS_UNIX || Deno.version.deno === "2.8.2",
  fn() {
    assertThrows(
      () => spawnWithBarrier(["sh"], { channel: "fd:1048575" }),
      RangeError,
      `Cannot spawn "sh": the channel "fd:1048575" exceeds the limit of open files of this process; choose a lower number or raise the limit`,
    );
  },
});

// What this process may not do

const PROGRAMS = "spawn_error.ts";

(HAS_PRELOAD ? Deno.test.ignore : test)(
  "spawnWithBarrier() throws NotCapable where it may not run the command",
  async () => {
    const flags = ["--no-prompt", "--allow-env", "--allow-run=true"];
    const { stdout } = await runTestdata(PROGRAMS, ["forbidden"], flags);
    const [sh, preload, revoked] = stdout.split("\n");
    const requires = (command: string) =>
      `NotCapable Cannot spawn "${command}": requires `;
    assert(sh!.startsWith(`${requires("sh")}run access to "sh"`), stdout);
    assert(preload!.startsWith(requires("true")), stdout);
    assert(revoked!.startsWith(`${requires("true")}run access to "`), stdout);
  },
);

Deno.test({
  name:
    "spawnWithBarrier() looks up what is missing without asking for a permission",
  ignore: !isInstalled("script") || Deno.build.os !== "linux",
  async fn() {
    await using directory = await TempDir.make();
    const tool = `${directory.path}/tool`;
    await Deno.writeTextFile(tool, "#!/no/such\n", { mode: 0o755 });
    const flags = ["--quiet", "--allow-env", "--allow-run"];
    const parent = testdataCommand(PROGRAMS, ["missing", tool], flags);
    const command = `timeout 30 ${parent.map((arg) => `'${arg}'`).join(" ")}`;
    const { stdout } = await run(["script", "-qec", command, "/dev/null"]);
    assertEquals(
      stdout.replaceAll("\r\n", "\n"),
      `NotFound Cannot spawn "${tool}": the command or its interpreter does not exist; check its spelling and PATH\n` +
        `NotFound Cannot spawn "no-such-command": the command or its interpreter does not exist, or the working directory "/no/such" does not\n`,
    );
  },
});
