// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What a child is given: arguments, environment, user and permissions. */

import { assert, assertEquals } from "@std/assert";
import { type SpawnModuleOptions, spawnWithBarrier } from "../mod.ts";
import { knowsInherited } from "./_helpers/programs.ts";
import {
  childModule,
  inheritingModule,
  shell,
  testdata,
} from "./_helpers/scripts.ts";
import { IS_UNIX, test } from "./_helpers/unix.ts";

test("spawnWithBarrier() passes arguments on", async () => {
  await using child = spawnWithBarrier(
    childModule("fd", "barrier.place(JSON.stringify(Deno.args));"),
    { args: ["--allow-all", "two words", ""] },
  );
  assert(await child.waitNext());
  assertEquals(child.note, JSON.stringify(["--allow-all", "two words", ""]));
});

test("spawnWithBarrier() passes the arguments of a command on", async () => {
  await using child = spawnWithBarrier(
    ["sh", "-c", 'printf "%s," "$@" >&3; echo >&3', "sh", "a b"],
    { args: ["c"] },
  );
  assert(await child.waitNext());
  assertEquals(child.note, "a b,c,");
});

test("spawnWithBarrier() sets the working directory", async () => {
  await using child = shell("pwd >&3", { cwd: new URL("file:///") });
  assert(await child.waitNext());
  assertEquals(child.note, "/");
});

test("spawnWithBarrier() adds to the environment", async () => {
  Deno.env.set("BARRIER_TEST_A", "a");
  try {
    await using child = shell('echo "$BARRIER_TEST_A$BARRIER_TEST_B" >&3', {
      env: { BARRIER_TEST_B: "b" },
    });
    assert(await child.waitNext());
    assertEquals(child.note, "ab");
  } finally {
    Deno.env.delete("BARRIER_TEST_A");
  }
});

Deno.test({
  name: "spawnWithBarrier() sets the user and the group",
  ignore: !IS_UNIX || Deno.uid() !== 0,
  fn: async () => {
    await using child = shell("echo $(id -u) $(id -g) >&3", {
      uid: 65534,
      gid: 65533,
      cwd: "/",
    });
    assert(await child.waitNext());
    assertEquals(child.note, "65534 65533");
  },
});

/** The permissions that a child has, as the parent grants them. */
async function granted(
  permissions: SpawnModuleOptions["permissions"],
  denoArgs: string[] = [],
): Promise<string> {
  await using child = spawnWithBarrier(testdata("granted.ts"), {
    ...permissions ? { permissions } : {},
    denoArgs,
  });
  assert(await child.waitNext());
  return child.note!;
}

test("spawnWithBarrier() grants a module nothing, or what its options list", async () => {
  const places = "/tmp/a b localhost:80";
  assertEquals(await granted(undefined), "");
  assertEquals(await granted("none"), "");
  assertEquals(
    await granted("all"),
    `env ffi net read run sys write ${places}`,
  );
  assertEquals(await granted({}), "");
  assertEquals(
    await granted({ read: ["/tmp/a b"], net: ["localhost:80"], env: false }),
    places,
  );
  assertEquals(
    await granted({ read: [new URL("file:///tmp/a b")], net: [] }),
    "/tmp/a b",
  );
  assertEquals(await granted({ env: true, sys: "inherit" }), "env sys");
  assertEquals(await granted("none", ["--allow-ffi"]), "ffi");
});

for (const channel of ["stdio", "fd:5"] as const) {
  Deno.test({
    name:
      `spawnWithBarrier() lets a module read only its own variables over "${channel}"`,
    ignore: channel !== "stdio" && !(IS_UNIX && knowsInherited()),
    async fn() {
      const module = inheritingModule(`
        using parent = await inheritBarrier();
        parent.place(["LISTED", "HOME"].filter((variable) =>
          Deno.permissions.querySync({ name: "env", variable }).state ===
            "granted").join());
      `);
      for (
        const [permissions, granted] of [
          ["none", undefined],
          [{ net: ["localhost"] }, undefined],
          [{ env: ["LISTED"] }, "LISTED"],
          [{ env: true }, "LISTED,HOME"],
          ["all", "LISTED,HOME"],
        ] as const
      ) {
        await using child = spawnWithBarrier(module, {
          channel,
          permissions: permissions as SpawnModuleOptions["permissions"],
        });
        assertEquals(await child.ready() || undefined, granted);
      }
    },
  });
}

test("spawnWithBarrier() with 'clearEnv' gives the child nothing of this process's environment", async () => {
  await using child = spawnWithBarrier(
    ["/bin/sh", "-c", 'echo "${PATH_OF_TEST-unset} ${ONLY-unset}" >&3'],
    { clearEnv: true, env: { ONLY: "this" } },
  );
  assertEquals(await child.ready(), "unset this");
  Deno.env.set("PATH_OF_TEST", "here");
  try {
    await using inherits = shell('echo "${PATH_OF_TEST-unset}" >&3');
    assertEquals(await inherits.ready(), "here");
    await using cleared = spawnWithBarrier(
      ["/bin/sh", "-c", 'echo "${PATH_OF_TEST-unset}" >&3'],
      { clearEnv: true },
    );
    assertEquals(await cleared.ready(), "unset");
  } finally {
    Deno.env.delete("PATH_OF_TEST");
  }
});
