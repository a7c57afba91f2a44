// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What is placed while a process ends arrives, wherever the call stands. */

import { assert, assertEquals, assertFalse } from "@std/assert";
import { spawnWithBarrier } from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { childModule, json, runParent } from "./_helpers/scripts.ts";
import { test } from "./_helpers/unix.ts";

/** More than go to the kernel one by one, and more than fit it that way. */
const MANY = 1_000;

const PLACE_MANY =
  `for (let i = 0; i < ${MANY}; i++) barrier.place(); barrier.abort("cleanup failed");`;

/** Where a program can still place barriers while it ends, and how it exits. */
const ENDS: Record<string, { body: string; code: number }> = {
  "in an unload listener at a natural end": {
    body: `addEventListener("unload", () => { PLACE });`,
    code: 0,
  },
  "in an unload listener of Deno.exit()": {
    body: `addEventListener("unload", () => { PLACE }); Deno.exit(3);`,
    code: 3,
  },
  "in an unload listener of process.exit()": {
    body: `addEventListener("unload", () => { PLACE }); process.exit(4);`,
    code: 4,
  },
  "in process.on('exit') at a natural end": {
    body: `process.on("exit", () => { PLACE });`,
    code: 0,
  },
  "in process.on('exit') of process.exit()": {
    body: `process.on("exit", () => { PLACE }); process.exit(5);`,
    code: 5,
  },
  "in an unload listener that calls Deno.exit() itself": {
    body: `addEventListener("unload", () => { PLACE Deno.exit(6); });`,
    code: 6,
  },
  "in an unload listener before one that calls Deno.exit()": {
    body: `
      addEventListener("unload", () => { PLACE });
      addEventListener("unload", () => Deno.exit(7));
    `,
    code: 7,
  },
  "right before Deno.exit(), with a listener that calls it as well": {
    body: `addEventListener("unload", () => Deno.exit(8)); PLACE Deno.exit(9);`,
    code: 8,
  },
  "right before an uncaught error": {
    body: `setTimeout(() => { PLACE throw new Error("uncaught"); });`,
    code: 1,
  },
};

for (const channel of CHANNELS) {
  for (const [where, { body, code }] of Object.entries(ENDS)) {
    Deno.test(`Barrier.place() ${MANY} times and abort() arrive over "${channel}" when called ${where}`, async () => {
      const child = spawnWithBarrier(
        childModule(channel, body.replaceAll("PLACE", PLACE_MANY)),
        { channel, stderr: "null" },
      );
      await using _ = child;
      assert(await child.waitAbortion());
      assertEquals(
        child.signal.reason.message,
        "Barrier aborted by the peer: cleanup failed",
      );
      assertEquals((await child.status).code, code);
    });
  }

  Deno.test(`Barrier.place() ${MANY} times arrives over "${channel}" from an unload listener, and no more`, async () => {
    await using child = spawnWithBarrier(
      childModule(
        channel,
        `addEventListener("unload", () => {
          for (let i = 0; i < ${MANY}; i++) barrier.place();
        });`,
      ),
      { channel },
    );
    await child.exited;
    for (let i = 0; i < MANY; i++) child.place();
    assert(await child.sync());
    child.place();
    assertFalse(await child.sync());
  });

  test(`Barrier.place() ${MANY} times and abort() arrive over "${channel}" from a parent's unload listener`, async () => {
    const child = childModule(
      channel,
      `
      const { signal } = barrier;
      barrier.place();
      await barrier.waitAbortion();
      console.error(signal.reason.message);
      `,
    );
    const { code, stderr } = await runParent(`
      const barrier = spawnWithBarrier(${
      json(child)
    }, { channel: "${channel}" });
      await barrier.waitNext();
      addEventListener("unload", () => { ${PLACE_MANY} });
      Deno.exit(4);
    `);
    assertEquals(
      { code, stderr },
      { code: 4, stderr: "Barrier aborted by the peer: cleanup failed\n" },
    );
  });
}

test("Barrier.destroy() leaves Deno.exit() and process.emit() as they were, with the last of two barriers", async () => {
  const { code, stderr } = await runParent(`
    const own = [Deno.exit, process.emit];
    const isOwn = () => [Deno.exit, process.emit].every((f, i) => f === own[i]);
    const children = [1, 2].map(() => spawnWithBarrier(["sleep", "1000"]));
    console.error(isOwn());
    for (const child of children) {
      await child[Symbol.asyncDispose]();
      await new Promise((resolve) => setTimeout(resolve));
      console.error(isOwn());
    }
  `);
  assertEquals({ code, stderr }, { code: 0, stderr: "false\nfalse\ntrue\n" });
});

test("Barrier.abort() after many barriers arrives from two barriers of one program", async () => {
  const script =
    `while read -r line <&3; do last=$line; done; echo "$last" >&2`;
  const { code, stderr } = await runParent(`
    const children = [1, 2].map(() =>
      spawnWithBarrier(["sh", "-c", ${json(script)}])
    );
    for (const barrier of children) { ${PLACE_MANY} }
    Deno.exit(3);
  `);
  assertEquals(code, 3);
  assertEquals(stderr, "abort cleanup failed\nabort cleanup failed\n");
});

test("spawnWithBarrier() works where Deno is frozen, and what is placed before Deno.exit() arrives", async () => {
  const script =
    "echo >&3; while read -r _ <&3; do n=$((n + 1)); done; echo $n";
  const { code, stdout } = await runParent(`
    Object.freeze(Deno);
    const child = spawnWithBarrier(["sh", "-c", ${json(script)}], {
      stdout: "inherit",
    });
    await child.waitNext();
    for (let i = 0; i < ${MANY}; i++) child.place();
    Deno.exit(3);
  `);
  assertEquals({ code, stdout }, { code: 3, stdout: `${MANY}\n` });
});
