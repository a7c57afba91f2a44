// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What `spawnWithBarrier()` does not take. */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { spawnWithBarrier } from "../mod.ts";
import { openDescriptors } from "./_helpers/descriptors.ts";
import { runParent, shell } from "./_helpers/scripts.ts";
import { IS_UNIX, test } from "./_helpers/unix.ts";

test("spawnWithBarrier() throws the reason of a signal that is aborted already", () => {
  assertThrows(
    () => shell(":", { signal: AbortSignal.abort(new Error("too late")) }),
    Error,
    "too late",
  );
});

Deno.test({
  name: "spawnWithBarrier() throws for a descriptor beyond the limit",
  // That release starts the command without the descriptor.
  ignore: !IS_UNIX || Deno.version.deno === "2.8.2",
  fn() {
    assertThrows(
      () => shell(":", { channel: "fd:1048575" }),
      RangeError,
      `Cannot spawn "sh": the channel "fd:1048575" exceeds the limit of open files of this process; choose a lower number or raise the limit`,
    );
  },
});

Deno.test("spawnWithBarrier() throws for a command that cannot be started", () => {
  const before = openDescriptors();
  assertThrows(
    () => spawnWithBarrier(["there-is-no-such-command"]),
    Deno.errors.NotFound,
    'Cannot spawn "there-is-no-such-command": the command does not exist; check its spelling and PATH',
  );
  assertEquals(openDescriptors(), before);
});

// Deno itself forgets one descriptor when the system refuses to execute, so
// what is left behind is not looked at here.
test("spawnWithBarrier() throws for a command that the system refuses", () => {
  assertThrows(
    () => spawnWithBarrier(["sh"], { cwd: "/there/is/none" }),
    Deno.errors.NotFound,
    'Cannot spawn "sh": the working directory "/there/is/none" does not exist',
  );
  assertThrows(
    () => spawnWithBarrier(["/etc/passwd"]),
    Deno.errors.PermissionDenied,
    'Cannot spawn "/etc/passwd": the system denies permission',
  );
  assertThrows(
    () => spawnWithBarrier(["/"]),
    Deno.errors.PermissionDenied,
    'Cannot spawn "/": the system denies permission',
  );
});

test("spawnWithBarrier() throws where it may not run the command", async () => {
  const { stderr } = await runParent(
    `
    try {
      spawnWithBarrier(["sh"]);
    } catch (error) {
      console.error(error.name, error.message);
    }
    `,
    ["--allow-env"],
  );
  assertStringIncludes(
    stderr,
    'NotCapable Cannot spawn "sh": requires run access to "sh"',
  );
});

test("spawnWithBarrier() throws for an option that is not valid", () => {
  const cases: [unknown, unknown, new (message: string) => Error, string][] = [
    [[], {}, TypeError, "Cannot spawn a child: the command must not be empty"],
    [
      [""],
      {},
      TypeError,
      "Cannot spawn a child: the command must not be empty",
    ],
    ["", {}, TypeError, "Cannot spawn a child: the module must not be empty"],
    [
      7,
      {},
      TypeError,
      "the target must be a string, a URL or an array of strings, received 7",
    ],
    [["sh", 7], {}, TypeError, "received a value of type number at index 1"],
    [["sh", "a\0b"], {}, TypeError, "received a null character at index 1"],
    [
      "a.ts",
      { args: ["a\0b"] },
      TypeError,
      "'args' must be strings without null characters, received a null character at index 0",
    ],
    [
      ["sh"],
      { args: "a" },
      TypeError,
      `'args' must be an array of strings, received "a"`,
    ],
    [
      "a.ts",
      { denoArgs: "--watch" },
      TypeError,
      `'denoArgs' must be an array of strings, received "--watch"`,
    ],
    [
      ["sh"],
      { permissions: "all" },
      TypeError,
      "'permissions' and 'denoArgs' are for a Deno module",
    ],
    [
      ["sh"],
      { denoArgs: [] },
      TypeError,
      "'permissions' and 'denoArgs' are for a Deno module",
    ],
    [
      "a.ts",
      { permissions: "some" },
      TypeError,
      `'permissions' must be "none", "all" or an object such as { net: true }, received "some"`,
    ],
    [
      "a.ts",
      { permissions: { hrtime: true } },
      TypeError,
      `'permissions' must name kinds of permission (env, ffi, import, net, read, run, sys, write), received "hrtime"`,
    ],
    [
      "a.ts",
      { permissions: { read: "yes" } },
      TypeError,
      'the permission "read" must be a boolean, an array or "inherit", received "yes"',
    ],
    [
      "a.ts",
      { permissions: { read: ["a,b"] } },
      TypeError,
      'must list values that are not empty and have no comma, received "a,b"',
    ],
    [
      ["sh"],
      { stdin: "pipe" },
      TypeError,
      `'stdin' must be one of "inherit", "piped", "null", received "pipe"`,
    ],
    [
      ["sh"],
      { stdout: 1 },
      TypeError,
      `'stdout' must be "forward", "piped", "inherit", "null", "errorTail" or a function that is called with each line, received 1`,
    ],
    [
      ["sh"],
      { stderr: "no" },
      TypeError,
      `'stderr' must be "forward", "piped", "inherit", "null", "errorTail" or a function that is called with each line, received "no"`,
    ],
    [
      ["sh"],
      { channel: "tcp" },
      TypeError,
      `'channel' must be "fd", "fd:N" with a number from 3 to 1048575, or "stdio", received "tcp"`,
    ],
    [
      ["sh"],
      { channel: "stdio", stdin: "piped" },
      TypeError,
      `'stdin' must be "null" or left out with the channel "stdio", which uses the child's stdin, received "piped"`,
    ],
    [
      ["sh"],
      { channel: "stdio", stdout: "inherit" },
      TypeError,
      `'stdout' must not be "inherit" with the channel "stdio"`,
    ],
    [
      ["sh"],
      { stopGracePeriod: -1 },
      RangeError,
      "'stopGracePeriod' must be a number of milliseconds from 0 to 2147483647, received -1",
    ],
    [["sh"], { stopGracePeriod: NaN }, RangeError, "received NaN"],
    [["sh"], { stopGracePeriod: Infinity }, RangeError, "received Infinity"],
  ];
  const before = openDescriptors();
  for (const [target, options, ErrorClass, message] of cases) {
    assertThrows(
      () => spawnWithBarrier(target as string, options as never),
      ErrorClass,
      message,
    );
  }
  assertEquals(openDescriptors(), before);
});
