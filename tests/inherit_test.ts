// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { inheritBarrier, spawnWithBarrier } from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { firstMessage, IS_IPC, SEND_ERROR } from "./_helpers/fork.ts";
import { PYTHON } from "./_helpers/programs.ts";
import { run } from "./_helpers/run.ts";
import {
  childModule,
  inheritingModule,
  json,
  readUntil,
  runParent,
} from "./_helpers/scripts.ts";
import { test } from "./_helpers/unix.ts";

Deno.test("inheritBarrier() finds no barrier in several calls of one turn", async () => {
  // Two libraries of one program, for example.
  const calls = [1, 2].map(() =>
    inheritBarrier({ channel: "fd:9999", optional: true })
  );
  assertEquals(await Promise.all(calls), [undefined, undefined]);
});

for (const channel of CHANNELS) {
  Deno.test(`inheritBarrier() lets a child leave over "${channel}" while no wait is pending`, async () => {
    await using child = spawnWithBarrier(childModule(channel, ""), {
      channel,
      signal: AbortSignal.timeout(60_000), // one that stays has failed
    });
    assertEquals((await child.status).code, 0);
  });

  Deno.test(`inheritBarrier() rejects over "${channel}" when it is called again`, async () => {
    await using child = spawnWithBarrier(
      childModule(
        channel,
        `
        try {
          await inheritBarrier();
        } catch (error) {
          barrier.place(error.message);
        }
        `,
      ),
      { channel },
    );
    assert(await child.waitNext());
    assertEquals(
      child.note,
      "Cannot inherit a barrier: it has already been inherited; call inheritBarrier() once and share its result",
    );
  });

  Deno.test(`inheritBarrier() returns one barrier over "${channel}" when it is called twice in one turn`, async () => {
    await using child = spawnWithBarrier(
      inheritingModule(`
        const calls = [1, 2].map(() => inheritBarrier({ channel: "${channel}" }));
        const results = await Promise.allSettled(calls);
        const barrier = results.find(({ value }) => value).value;
        barrier.place(results.map(({ status }) => status).join());
      `),
      { channel },
    );
    assert(await child.waitNext());
    assertEquals(child.note, "fulfilled,rejected");
  });

  Deno.test(`inheritBarrier() can be called again over "${channel}" when it failed`, async () => {
    await using child = spawnWithBarrier(
      inheritingModule(`
        await inheritBarrier({ channel: "tcp" }).catch(() => {});
        const barrier = await inheritBarrier();
        barrier.place();
        Deno.exit(await barrier.sync() ? 0 : 1);
      `),
      { channel, env: { BARRIER_STATE: "-1" }, permissions: { env: true } },
    );
    assert(await child.waitNext());
    child.destroy();
    assertEquals((await child.status).code, 0);
  });

  Deno.test(`inheritBarrier() uses the channel in its options, "${channel}", whatever BARRIER_CHANNEL says`, async () => {
    await using child = spawnWithBarrier(
      inheritingModule(`
        Deno.env.set("BARRIER_CHANNEL", "tcp:80");
        const barrier = await inheritBarrier({ channel: "${channel}" });
        barrier.place("here");
      `),
      { channel, permissions: { env: true } },
    );
    assert(await child.waitNext());
    assertEquals(child.note, "here");
  });
}

test("inheritBarrier() hides the channel from processes below", async () => {
  await using child = spawnWithBarrier(
    childModule(
      "fd",
      "barrier.place(String('BARRIER_CHANNEL' in Deno.env.toObject()));",
    ),
    { permissions: { env: true } },
  );
  assert(await child.waitNext());
  assertEquals(child.note, "false");
});

for (
  const [permissions, message] of [
    [
      [],
      "this process was not started by spawnWithBarrier(); if it was, use --allow-env=BARRIER_CHANNEL or pass the 'channel' option",
    ],
    [
      ["--allow-env"],
      "this process was not started by spawnWithBarrier(); if it was, pass the 'channel' option",
    ],
  ] as const
) {
  test(`inheritBarrier() rejects in a process without a barrier, with ${permissions[0] ?? "no permission"}`, async () => {
    const { stderr, code } = await runParent(
      "await inheritBarrier().catch((error) => console.error(error.message));",
      [...permissions],
    );
    assertEquals(stderr, `Cannot inherit a barrier: ${message}\n`);
    assertEquals(code, 0);
  });
}

Deno.test({
  name: "inheritBarrier() asks for no permission at a terminal",
  ignore: PYTHON === undefined,
  async fn() {
    const terminal = "import pty, sys; pty.spawn(sys.argv[1:])";
    const module = childModule(
      "fd",
      "console.log('no requests');",
    );
    await using child = spawnWithBarrier(
      [...PYTHON!, "-c", terminal, Deno.execPath(), "run", module],
      { stdin: "null", stdout: "piped" },
    );
    const reader = child.stdout.getReader();
    // Deno's question has the word in it.
    const output = await readUntil(reader, "requests");
    await reader.cancel();
    assertEquals(output.trim(), "no requests");
  },
});

test("inheritBarrier() rejects for a channel that cannot be", async () => {
  const { stderr } = await runParent(
    `
    const print = ({ name, message }) => console.error(name, message);
    for (const channel of ["tcp:80", "fd:", "fd:-1", "fd:9999999"]) {
      Deno.env.set("BARRIER_CHANNEL", channel);
      await inheritBarrier().catch(print);
    }
    `,
    ["--allow-env"],
  );
  const invalid = (channel: string) =>
    `TypeError Cannot inherit a barrier: the channel must be "fd", "fd:N" with a number from 3 on, or "stdio", received "${channel}"\n`;
  assertStringIncludes(
    stderr,
    invalid("tcp:80") + invalid("fd:") + invalid("fd:-1") +
      "BadResource Cannot inherit a barrier: file descriptor 9999999 is not a pipe or a connected socket",
  );
});

Deno.test('inheritBarrier() leaves the console alone over "stdio"', async () => {
  const child = childModule(
    "stdio",
    `
    console.log("printed");
    barrier.place("done");
    `,
  );
  await using process = spawnWithBarrier(child, {
    channel: "stdio",
    stdout: "piped",
  });
  assertEquals(await process.ready(), "done");
  assertEquals(await process.stdout.text(), "printed\n");
});

Deno.test('Barrier.destroy() lets a child go on printing over "stdio"', async () => {
  const child = childModule(
    "stdio",
    `
    barrier.place("last");
    barrier.destroy();
    console.log("late");
    `,
  );
  await using process = spawnWithBarrier(child, {
    channel: "stdio",
    stdout: "piped",
  });
  assertEquals(await process.ready(), "last");
  assertEquals(await process.stdout.text(), "late\n");
});

/** Has a program take this system for Windows. */
const ON_WINDOWS = `Object.defineProperty(Deno, "build", {
  value: { ...Deno.build, os: "windows" },
});`;

Deno.test("inheritBarrier() on Windows uses stdin and stdout only if BARRIER_CHANNEL says so", async () => {
  const module = inheritingModule(`
    ${ON_WINDOWS}
    console.log(await inheritBarrier({ optional: true }));
  `);
  const { stdout, stderr } = await run([Deno.execPath(), "run", module]);
  assertEquals({ stdout, stderr }, { stdout: "undefined\n", stderr: "" });
});

Deno.test("inheritBarrier() on Windows finds the channel of a child without permissions", async () => {
  const child = inheritingModule(`
    using parent = await inheritBarrier();
    parent.place("ready");
  `);
  const { stdout, stderr } = await runParent(`
    ${ON_WINDOWS}
    await using child = spawnWithBarrier(${json(child)});
    console.log(await child.ready());
  `);
  assertEquals({ stdout, stderr }, { stdout: "ready\n", stderr: "" });
});

/** Runs its arguments, and closes all descriptors but 0, 1 and 2, as npm does. */
const SUBPROCESS =
  "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))";

for (const permissions of [["--allow-env"], []]) {
  Deno.test({
    name: `inheritBarrier() finds no channel that a program has closed, with ${
      permissions[0] ?? "no permission"
    }`,
    ignore: PYTHON === undefined,
    async fn() {
      const module = inheritingModule(`
        const { name, message } = await inheritBarrier().catch((error) => error);
        console.log(name, message);
        console.log(await inheritBarrier({ optional: true }));
        console.log(await inheritBarrier({ optional: true, channel: "fd" }));
      `);
      const deno = [
        Deno.execPath(),
        "run",
        "--no-prompt",
        ...permissions,
        module,
      ];
      await using child = spawnWithBarrier(
        [...PYTHON!, "-c", SUBPROCESS, ...deno],
        { stdout: "piped" },
      );
      const [error, ...results] = (await child.stdout.text()).split("\n");
      assertEquals(results, ["undefined", "undefined", ""]);
      assertStringIncludes(
        error!,
        permissions.length > 0
          ? 'BadResource Cannot inherit a barrier: file descriptor 3 is not a pipe or a connected socket; if a program between this one and its parent closed it (npm, python3, sudo), use the channel "stdio"'
          : "NotFound Cannot inherit a barrier: this process was not started by spawnWithBarrier(); if it was, use --allow-env",
      );
    },
  });
}

test("inheritBarrier() rejects where descriptor 3 is an IPC channel", async () => {
  const module = inheritingModule(SEND_ERROR);
  const message = await firstMessage([Deno.execPath(), "run", module]);
  assertEquals(message, IS_IPC);
});

Deno.test("inheritBarrier() takes a BARRIER_CHANNEL that is empty for one that is not set", async () => {
  const module = inheritingModule(`
    console.log(await inheritBarrier({ optional: true }));
    console.log(Deno.env.get("BARRIER_CHANNEL"));
    Deno.env.set("BARRIER_CHANNEL", "");
    await inheritBarrier().catch((error) => console.log(error.name));
  `);
  const { stdout } = await run(
    [Deno.execPath(), "run", "--allow-env", module],
    { env: { BARRIER_CHANNEL: "" } },
  );
  assertEquals(stdout, "undefined\nundefined\nNotFound\n");
});

test("inheritBarrier() removes the variables also where a barrier is optional and missing", async () => {
  const { stdout } = await runParent(
    `
    Deno.env.set("BARRIER_CHANNEL", "fd:3");
    Deno.env.set("BARRIER_STATE", "1");
    await inheritBarrier({ optional: true });
    console.log(Deno.env.get("BARRIER_CHANNEL"), Deno.env.get("BARRIER_STATE"));
    `,
    ["--allow-env"],
  );
  assertEquals(stdout, "undefined undefined\n");
});

Deno.test("inheritBarrier() cuts a long value of a variable in its error", async () => {
  for (const variable of ["BARRIER_CHANNEL", "BARRIER_STATE"]) {
    const { stdout } = await run(
      [
        Deno.execPath(),
        "run",
        "--allow-env",
        inheritingModule(
          "await inheritBarrier().catch((error) => console.log(error.message));",
        ),
      ],
      { env: { [variable]: "x".repeat(10_000) } },
    );
    assertStringIncludes(stdout, 'received "xxx');
    assertLess(stdout.length, 300);
  }
});

for (const channel of [5, Symbol("a"), {}, ""]) {
  Deno.test(`inheritBarrier() rejects with a TypeError for the channel ${String(channel)}`, async () => {
    await assertRejects(
      () => inheritBarrier({ channel: channel as "fd", optional: true }),
      TypeError,
      "the channel must be",
    );
  });
}
