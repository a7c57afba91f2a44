// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers between a process and its child. */

import { isPending } from "./_helpers/event_loop.ts";
import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStringIncludes,
} from "@std/assert";
import { Barrier, spawnWithBarrier } from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { childModule, json, runParent, shell } from "./_helpers/scripts.ts";
import { test } from "./_helpers/unix.ts";

const MEGABYTE = 1024 * 1024;

for (const channel of CHANNELS) {
  Deno.test(`spawnWithBarrier() and inheritBarrier() join two processes over "${channel}"`, async () => {
    await using child = spawnWithBarrier(
      childModule(
        channel,
        `
        barrier.place(barrier.role);
        if (await barrier.waitNext() && barrier.note === "go") {
          barrier.place("gone");
        }
        `,
      ),
      { channel },
    );
    assertInstanceOf(child, Barrier);
    assertEquals(child.role, "parent");
    assert(await child.waitNext());
    assertEquals(child.note, "child");
    child.place("go");
    assert(await child.waitNext());
    assertEquals(child.note, "gone");
    assertEquals(await child.status, { success: true, code: 0, signal: null });
  });

  test(`spawnWithBarrier() needs --allow-run and --allow-env over "${channel}", its child nothing`, async () => {
    const child = childModule(
      channel,
      `
      const kinds = ["env", "ffi", "net", "read", "run", "sys", "write"];
      const states = kinds.map((name) =>
        Deno.permissions.querySync({ name }).state
      );
      barrier.place(String([...new Set(states)]));
      `,
    );
    const { code, stderr } = await runParent(`
      await using child = spawnWithBarrier(${json(child)}, {
        channel: "${channel}",
      });
      console.error(await child.placeAndSync(), child.note);
    `);
    assertEquals(code, 0);
    assertEquals(stderr, "true prompt\n");
  });
}

Deno.test("Barrier.sync() resolves to false for a module that does not exist", async () => {
  await using child = spawnWithBarrier("./there/is/none.ts", {
    stderr: "piped",
  });
  child.place();
  assertFalse(await child.sync());
  assertEquals(
    child.signal.reason.message,
    `Child process ${child.pid} (none.ts) exited with code 1`,
  );
  assertStringIncludes(await child.stderr.text(), "none.ts");
});

for (
  const [what, script, message] of [
    [
      "what is not UTF-8",
      "printf '+\\377\\n' >&3",
      '"+\\xff" from the peer: it is not UTF-8',
    ],
    [
      "control characters",
      "printf '+a\\tb\\n' >&3",
      '"+a\\x09b" from the peer: it has control characters',
    ],
    [
      "a line of a megabyte",
      `printf + >&3; head -c ${MEGABYTE} /dev/zero >&3`,
      `"+${"\\x00".repeat(63)}..." from the peer: it is over 4096 bytes`,
    ],
  ] as const
) {
  test(`Barrier aborts on both sides when a child sends ${what}`, async () => {
    await using child = shell(
      `${script}; IFS= read -r line <&3; echo "$line"`,
      {
        stdout: "piped",
      },
    );
    assertFalse(await child.waitNext());
    assert(child.weAborted);
    assertEquals(child.signal.reason.message, `Cannot read ${message}`);
    assertEquals(
      await child.stdout.text(),
      `abort ${child.signal.reason.message}\n`,
    );
  });
}

test("Barrier drops half a line that a child leaves behind", async () => {
  await using child = shell("printf '\\nhalf a line' >&3");
  assert(await child.waitNext());
  assertFalse(await child.waitNext());
  assertEquals(child.note, undefined);
});

test("Barrier ignores what a child sends after its abort", async () => {
  await using child = shell("printf 'abort why\\n\\n\\n\\377\\n' >&3");
  assert(await child.waitAbortion());
  await child.exited;
  assertFalse(child.iAborted);
  assertFalse(await child.waitNext());
  assertEquals(
    child.signal.reason.message,
    "Barrier aborted by the peer: why",
  );
});

test("Barrier.signal reports when a child closes its channel and lives on", async () => {
  await using child = shell("exec 3>&-; read -r _", { stdin: "piped" });
  child.place();
  assertFalse(await child.sync());
  assertEquals(
    child.signal.reason.message,
    `Child process ${child.pid} (sh) closed its channel`,
  );
  assert(await isPending(child.exited));
});
