// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { permissionFlags } from "../../src/spawn/permissions.ts";
import { runTestdata } from "../_helpers/scripts.ts";

Deno.test("permissionFlags() spells permissions as flags", () => {
  const cases: [permissions: unknown, flags: string[]][] = [
    [undefined, []],
    ["none", []],
    [{}, []],
    [{ read: false, net: undefined, env: [] }, []],
    [{ sys: true, env: ["A", "B"] }, ["--allow-env=A,B", "--allow-sys"]],
    [{ net: ["localhost:80", "[::1]:80"] }, [
      "--allow-net=localhost:80,[::1]:80",
    ]],
    [{ read: ["/a b", new URL("file:///c%20d")] }, ["--allow-read=/a b,/c d"]],
    [{ import: [new URL("https://host/")] }, ["--allow-import=https://host/"]],
  ];
  for (const [permissions, flags] of cases) {
    assertEquals(permissionFlags(permissions), ["--no-prompt", ...flags]);
  }
  assertEquals(permissionFlags("all"), ["--allow-all"]);
});

Deno.test("permissionFlags() throws for permissions that are not valid", () => {
  const list = (kind: string) =>
    `the permission "${kind}" must list values that are not empty and have no comma or null character, received`;
  const what =
    `'permissions' must be "none", "all" or an object such as { net: true }, received`;
  const cases: [permissions: unknown, message: string][] = [
    ["some", `${what} "some"`],
    [null, `${what} null`],
    [["net"], `${what} an array`],
    [new Set(["net"]), `${what} an instance of Set`],
    [new Map([["net", true]]), `${what} an instance of Map`],
    [
      { hrtime: true },
      `'permissions' must name kinds of permission (env, ffi, import, net, read, run, sys, write), received "hrtime"`,
    ],
    [
      { read: "yes" },
      `the permission "read" must be a boolean, an array or "inherit", received "yes"`,
    ],
    [
      { read: null },
      `the permission "read" must be a boolean, an array or "inherit", received null`,
    ],
    [
      { net: [1] },
      `the permission "net" must list strings or URLs, received 1`,
    ],
    [
      { net: new Array(1) },
      `the permission "net" must list strings or URLs, received undefined`,
    ],
    [{ read: ["a,b"] }, `${list("read")} "a,b"`],
    [{ write: [""] }, `${list("write")} ""`],
    [{ read: ["/\0"] }, String.raw`${list("read")} "/\x00"`],
    [
      { net: ["https://user:token@host,x"] },
      `${list("net")} "https://host,x"`,
    ],
    [
      { read: [new URL("file://host/a")] },
      `the permission "read" must be a file URL without a host or an encoded slash, received "file://host/a"`,
    ],
  ];
  for (const [permissions, message] of cases) {
    const error = assertThrows(() => permissionFlags(permissions), TypeError);
    assertEquals(error.message, `Cannot spawn a child: ${message}`);
  }
});

Deno.test("permissionFlags() reads each permission once, also from a class", () => {
  let reads = 0;
  class Permissions {
    get net() {
      reads++;
      return reads === 1 ? ["localhost"] : true;
    }
  }
  assertEquals(permissionFlags(new Permissions()), [
    "--no-prompt",
    "--allow-net=localhost",
  ]);
  assertEquals(reads, 1);
});

Deno.test("permissionFlags() ignores what stands on Object.prototype", () => {
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  prototype.net = true;
  try {
    assertEquals(permissionFlags({ sys: true }), [
      "--no-prompt",
      "--allow-sys",
    ]);
  } finally {
    delete prototype.net;
  }
});

Deno.test('permissionFlags() throws for "inherit" unless this process has all of it', async () => {
  const flags = ["--allow-sys", "--allow-read=/tmp", "--allow-net"];
  const { stdout } = await runTestdata("inherited_permissions.ts", [], [
    "--no-prompt",
    ...flags,
    "--deny-net=a",
  ]);
  const refused = (kind: string) =>
    `TypeError Cannot spawn a child: it cannot inherit the permission "${kind}", which this process does not have in full; list the values to grant instead\n`;
  assertEquals(stdout, `--allow-sys\n${refused("read")}${refused("net")}`);
});
