// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  Barrier,
  type BarrierProcess,
  spawnWithBarrier,
  type SpawnWithBarrierOptions,
} from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { turnEventLoop } from "./_helpers/event_loop.ts";
import { isInstalled } from "./_helpers/programs.ts";
import { start } from "./_helpers/run.ts";
import {
  childModule,
  dataUrl,
  parentModule,
  readUntil,
  runParent,
  startParent,
} from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";

const MEGABYTE = 1024 * 1024;

/** A shell script as a child: descriptor 3 is its channel. */
function shell(
  script: string,
  options?: SpawnWithBarrierOptions,
): BarrierProcess {
  return spawnWithBarrier(["sh", "-c", script], options);
}

function code(value: unknown): string {
  return JSON.stringify(value);
}

/** What this process has open, where the system tells. */
function descriptors(): string[] {
  return Deno.build.os === "linux"
    ? Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => name).sort()
    : [];
}

// The two sides

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

  Deno.test(`spawnWithBarrier() needs no more than --allow-run and --allow-env over "${channel}", and its child nothing`, async () => {
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
    const { code: exitCode, stderr } = await runParent(`
      await using child = spawnWithBarrier(${code(child)}, {
        channel: "${channel}",
      });
      console.error(await child.placeAndSync(), child.note);
    `);
    assertEquals(exitCode, 0);
    assertEquals(stderr, "true prompt\n");
  });

  Deno.test(`BarrierProcess.unref() lets a parent leave at once over "${channel}"`, async () => {
    // The child waits for the parent to go: neither would end otherwise.
    const child = childModule(channel, "await barrier.waitAbortion();");
    const { code: exitCode } = await runParent(`
      spawnWithBarrier(${code(child)}, { channel: "${channel}" }).unref();
    `);
    assertEquals(exitCode, 0);
  });

  Deno.test(`BarrierProcess.unref() does not let a parent leave over "${channel}" while a wait is pending`, async () => {
    const child = childModule(
      channel,
      "await barrier.waitNext(); barrier.place(); await barrier.waitAbortion();",
    );
    const { stderr } = await runParent(`
      const child = spawnWithBarrier(${code(child)}, { channel: "${channel}" });
      child.unref();
      child.place();
      console.error(await child.waitNext());
    `);
    assertEquals(stderr, "true\n");
  });

  Deno.test(`BarrierProcess.ref() keeps a parent again over "${channel}"`, async () => {
    const child = childModule(
      channel,
      "await barrier.waitNext(); console.error('child leaves');",
    );
    const { stderr } = await runParent(`
      const child = spawnWithBarrier(${code(child)}, { channel: "${channel}" });
      child.unref();
      child.ref();
      child.place();
      addEventListener("unload", () => console.error("parent leaves"));
    `);
    assertEquals(stderr, "child leaves\nparent leaves\n");
  });

  Deno.test(`BarrierProcess[Symbol.asyncDispose]() ends a child over "${channel}" that waits for ever`, async () => {
    let process;
    {
      await using child = spawnWithBarrier(
        childModule(channel, "barrier.place(); setInterval(() => {}, 1000);"),
        { channel },
      );
      assert(await child.waitNext());
      process = child;
    }
    assertEquals((await process.status).signal, "SIGTERM");
    assertFalse(process.place());
  });

  Deno.test(`spawnWithBarrier() aborts with the reason of its signal over "${channel}", and ends the child`, async () => {
    const controller = new AbortController();
    await using child = spawnWithBarrier(
      childModule(
        channel,
        `
        const { signal } = barrier;
        Deno.addSignalListener("SIGTERM", () => {});
        barrier.place();
        await barrier.waitAbortion();
        console.error(signal.reason.message);
        Deno.exit(5);
        `,
      ),
      { channel, signal: controller.signal, stderr: "piped" },
    );
    assert(await child.waitNext());
    controller.abort(new Error("no\nlonger needed"));
    assert(child.iAborted);
    assertEquals((await child.status).code, 5);
    assertEquals(
      await child.stderr.text(),
      "Barrier aborted by the peer: no longer needed\n",
    );
  });
}

// Output and input

for (const stdout of ["null", "piped"] as const) {
  Deno.test(`spawnWithBarrier() goes on while nobody reads a megabyte of a "${stdout}" stdout`, async () => {
    await using child = spawnWithBarrier(
      childModule(
        "fd",
        `
        console.log("x".repeat(${MEGABYTE}));
        barrier.place();
        await barrier.waitNext();
        `,
      ),
      { stdout },
    );
    assert(await child.waitNext());
    child.place();
    assertEquals((await child.status).code, 0);
    if (stdout === "piped") {
      assertEquals((await child.stdout.bytes()).length, MEGABYTE + 1);
    }
  });
}

Deno.test('spawnWithBarrier() goes on while nobody reads a megabyte of an "inherit" stdout', async () => {
  const child = childModule(
    "fd",
    `
    console.log("x".repeat(${MEGABYTE}));
    barrier.place();
    await barrier.waitNext();
    `,
  );
  const parent = startParent(`
    const child = spawnWithBarrier(${code(child)});
    console.error(await child.waitNext());
    child.place();
    await child.exited.wait();
    console.error("exited");
    await child.status;
    console.log("status");
  `);
  const stderr = parent.stderr.getReader();
  assertEquals(await readUntil(stderr, "exited\n"), "true\nexited\n");
  // Nobody has read the parent's stdout so far, and all of it is there.
  assertEquals(
    await parent.stdout.text(),
    `${"x".repeat(MEGABYTE)}\nstatus\n`,
  );
  assertEquals((await parent.status).code, 0);
  await stderr.cancel();
  await parent.stdin.close();
});

Deno.test("BarrierProcess.status resolves when what the child printed is forwarded, whole and in order", async () => {
  const lines = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`).join(
    "",
  );
  const child = childModule(
    "fd",
    `
    for (let i = 0; i < 50_000; i++) console.log("line", i);
    Deno.exit(2);
    `,
  );
  const { stdout } = await runParent(`
    const child = spawnWithBarrier(${code(child)});
    console.log("exit", (await child.status).code);
  `);
  assertEquals(stdout, `${lines}exit 2\n`);
});

Deno.test("BarrierProcess.status is not delayed by a grandchild that prints later, whose output is forwarded as it comes", async () => {
  await using directory = await TempDir.make();
  const fifo = await directory.makeFifo();
  const script = `(read -r _ <${fifo}; echo late) & echo early; kill -9 $$`;
  const parent = startParent(
    `
    const child = spawnWithBarrier(["sh", "-c", ${code(script)}]);
    console.log((await child.status).signal);
    await Deno.stdin.read(new Uint8Array(1)); // stays until the test has seen all
    `,
  );
  const stdout = parent.stdout.getReader();
  assertEquals(await readUntil(stdout, "SIGKILL\n"), "early\nSIGKILL\n");
  await Deno.writeTextFile(fifo, "\n");
  assertEquals(await readUntil(stdout, "\n"), "late\n");
  await parent.stdin.close();
  assertEquals((await parent.status).code, 0);
  await stdout.cancel();
  await parent.stderr.cancel();
});

for (
  const [what, text] of [
    ["lines", "line\n".repeat(200_000)],
    ["bytes without lines", "x".repeat(999_999)],
    ["long lines", `${"x".repeat(4_999)}\n`.repeat(200)],
  ] as const
) {
  Deno.test({
    name:
      `BarrierProcess.status resolves when ${what} are forwarded, whole and once, to a stdout that somebody made non-blocking`,
    ignore: !isInstalled("python3"),
    async fn() {
      await using directory = await TempDir.make();
      const fifo = await directory.makeFifo();
      const file = `${directory.path}/text`;
      await Deno.writeTextFile(file, text);
      // The child's stderr is this parent's stdout, as at a terminal. What is
      // done here to the one, Node does at its start.
      const script =
        `import os; os.set_blocking(2, False); os.execvp("cat", ["cat", "${file}"])`;
      const parent = start(
        [
          "sh",
          "-c",
          'exec "$@" 2>&1',
          "sh",
          Deno.execPath(),
          "run",
          "--allow-all",
          parentModule(`
            const child = spawnWithBarrier(["python3", "-c", ${code(script)}]);
            await child.exited.wait();
            Deno.writeTextFileSync(${code(fifo)}, "");
            const { success } = await child.status;
            Deno.exit(success ? 7 : 1); // the console would not try again
          `),
        ],
        { stdin: "null", stderr: "inherit" },
      );
      await Deno.readTextFile(fifo); // from now on stdout is read
      const output = await parent.stdout.text();
      assertEquals(output.length, text.length);
      assert(output === text);
      assertEquals((await parent.status).code, 7);
    },
  });
}

Deno.test("BarrierProcess ends its child's stdout when nobody reads this process's any more", async () => {
  // The child prints until that fails.
  const parent = startParent(`
    const child = spawnWithBarrier(["sh", "-c", "yes; echo ended >&2"]);
    await child.status;
  `);
  await parent.stdout.cancel();
  assertEquals((await parent.stderr.text()).split("\n").at(-2), "ended");
  await parent.stdin.close();
  await parent.status;
});

Deno.test('BarrierProcess has streams when "piped" is asked for', async () => {
  await using child = shell("cat; echo problem >&2", {
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode('{"a": '));
  await writer.write(new TextEncoder().encode("1}"));
  await writer.close();
  assertEquals(await child.stdout.json(), { a: 1 });
  assertEquals(await child.stderr.text(), "problem\n");
});

Deno.test('BarrierProcess.stdout and its kin throw unless they are "piped"', async () => {
  await using child = shell(":");
  assertThrows(() => child.stdin, TypeError, "'stdin' is not piped");
  assertThrows(() => child.stdout, TypeError, "'stdout' is not piped");
  assertThrows(() => child.stderr, TypeError, "'stderr' is not piped");
});

Deno.test("BarrierProcess.stdin rejects a write to a child that is gone", async () => {
  await using child = shell(":", { stdin: "piped" });
  await child.status;
  const writer = child.stdin.getWriter();
  await assertRejects(
    () => writer.write(new Uint8Array(1)),
    Deno.errors.BrokenPipe,
    "Cannot write to stdin",
  );
});

Deno.test("BarrierProcess.stdin can be closed when the child is gone", async () => {
  await using child = shell(":", { stdin: "piped" });
  await child.status;
  await turnEventLoop();
  await child.stdin.close();
});

Deno.test("BarrierProcess.stdin can be closed while the child goes", async () => {
  for (let i = 0; i < 20; i++) {
    await using child = shell(":", { stdin: "piped" });
    await Promise.all([child.exited.wait(), child.stdin.close()]);
  }
});

Deno.test("BarrierProcess.stdout can be read into a buffer", async () => {
  await using child = shell("echo abcdef", { stdout: "piped" });
  const reader = child.stdout.getReader({ mode: "byob" });
  let text = "";
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(4));
    if (done) break;
    assert(value.length <= 4);
    text += new TextDecoder().decode(value);
  }
  assertEquals(text, "abcdef\n");
});

for (const [name, fd] of [["stdout", 1], ["stderr", 2]] as const) {
  // A grandchild holds it until the test closes the stdin of all three.
  const script =
    `exec 4<&0; (read -r _; echo late; cat) <&4 >&${fd} 3>&- & exit 0`;
  const spawn = `spawnWithBarrier(["sh", "-c", ${code(script)}], {
    ${name}: "piped",
  })`;

  Deno.test(`BarrierProcess.${name} keeps no parent that does not read`, async () => {
    const parent = startParent(`console.log((await ${spawn}.status).code);`);
    assertEquals((await parent.status).code, 0);
    assertEquals(await parent.stdout.text(), "0\n");
    await parent.stdin.close();
    await parent.stderr.cancel();
  });

  Deno.test(`BarrierProcess.${name} keeps a parent only while a read is pending`, async () => {
    const parent = startParent(`
      const child = ${spawn};
      const reader = child.${name}.getReader();
      console.log((await child.status).code);
      console.log((await reader.read()).value.length);
      addEventListener("unload", () => console.log("parent leaves"));
    `);
    const reader = parent.stdout.getReader();
    const writer = parent.stdin.getWriter();
    assertEquals(await readUntil(reader, "0\n"), "0\n");
    await writer.write(new TextEncoder().encode("\n"));
    assertEquals(await readUntil(reader, "leaves\n"), "5\nparent leaves\n");
    assertEquals((await parent.status).code, 0);
    await writer.close();
    await parent.stderr.cancel();
    await reader.cancel();
  });
}

Deno.test("BarrierProcess.stdout can be cancelled while the child prints", async () => {
  await using child = shell("yes; echo >&3", { stdout: "piped" });
  await child.stdout.cancel();
  assert(await child.waitNext());
});

// Options

Deno.test("spawnWithBarrier() passes arguments on", async () => {
  await using child = spawnWithBarrier(
    childModule("fd", "barrier.place(JSON.stringify(Deno.args));"),
    { args: ["--allow-all", "two words", ""] },
  );
  assert(await child.waitNext());
  assertEquals(child.note, code(["--allow-all", "two words", ""]));
});

Deno.test("spawnWithBarrier() passes the arguments of a command on", async () => {
  await using child = spawnWithBarrier(
    ["sh", "-c", 'printf "%s," "$@" >&3; echo >&3', "sh", "a b"],
    { args: ["c"] },
  );
  assert(await child.waitNext());
  assertEquals(child.note, "a b,c,");
});

Deno.test("spawnWithBarrier() sets the working directory", async () => {
  await using child = shell("pwd >&3", { cwd: new URL("file:///") });
  assert(await child.waitNext());
  assertEquals(child.note, "/");
});

Deno.test("spawnWithBarrier() adds to the environment", async () => {
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

Deno.test("spawnWithBarrier() clears the environment when it is told to", async () => {
  await using child = spawnWithBarrier(["/bin/sh", "-c", "/usr/bin/env >&3"], {
    clearEnv: true,
    env: { ONLY: "this" },
  });
  const names = [];
  while (await child.waitNext()) names.push(child.note!.split("=")[0]!);
  // The shell has some of its own; and several lines may be one arrival.
  assertEquals(names.includes("HOME"), false);
});

Deno.test({
  name: "spawnWithBarrier() sets the user and the group",
  ignore: Deno.build.os === "windows" || Deno.uid() !== 0,
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
  permissions: SpawnWithBarrierOptions["permissions"],
  denoArgs: string[] = [],
): Promise<string> {
  await using child = spawnWithBarrier(
    childModule(
      "fd",
      `
      const query = (descriptor) =>
        Deno.permissions.querySync(descriptor).state === "granted";
      const kinds = ["env", "ffi", "net", "read", "run", "sys", "write"];
      barrier.place([
        ...kinds.filter((name) => query({ name })),
        query({ name: "read", path: "/tmp/a b" }) ? "/tmp/a b" : "",
        query({ name: "net", host: "localhost:80" }) ? "localhost:80" : "",
      ].filter((word) => word).join(" "));
      `,
    ),
    { ...permissions ? { permissions } : {}, denoArgs },
  );
  assert(await child.waitNext());
  return child.note!;
}

Deno.test("spawnWithBarrier() grants a module nothing, or what it is told to", async () => {
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

Deno.test('spawnWithBarrier() throws when a permission is to be "inherit" that this process holds in part', async () => {
  const { stderr } = await runParent(
    `
    for (const permissions of [{ read: "inherit" }, { net: "inherit" }]) {
      try {
        spawnWithBarrier("child.ts", { permissions });
      } catch (error) {
        console.error(error.name, error.message);
      }
    }
    `,
    [
      "--allow-env",
      "--allow-run",
      "--allow-read=/tmp",
      "--allow-net",
      "--deny-net=a",
    ],
  );
  const message = (name: string) =>
    `TypeError Cannot spawn a child that inherits the permission "${name}": this process does not hold it whole, list what to grant instead\n`;
  assertEquals(stderr, message("read") + message("net"));
});

Deno.test("spawnWithBarrier() runs a command that is Deno as it is written", async () => {
  const script = dataUrl(
    'console.log(Deno.permissions.querySync({ name: "read" }).state)',
  );
  for (
    const command of [
      [Deno.execPath(), "run", script],
      ["env", Deno.execPath(), "run", script],
      ["sh", "-c", `"${Deno.execPath()}" run '${script}'`],
    ]
  ) {
    await using child = spawnWithBarrier(command as [string], {
      stdin: "null",
      stdout: "piped",
    });
    assertEquals(await child.stdout.text(), "prompt\n");
  }
});

// Ending

Deno.test("BarrierProcess.kill() sends signals, and the status is the child's own", async () => {
  await using child = shell(
    "trap 'echo usr >&3' USR1; trap 'exit 7' TERM; echo >&3; while :; do sleep 0.01; done",
  );
  assert(await child.waitNext());
  child.kill("SIGUSR1");
  assert(await child.waitNext());
  assertEquals(child.note, "usr");
  child.kill();
  assertEquals(await child.status, { success: false, code: 7, signal: null });
});

Deno.test("BarrierProcess.kill() leaves stdin open", async () => {
  await using child = shell(
    "trap 'echo usr >&3' USR1; echo >&3; while ! read -r line; do :; done; echo $line >&3",
    { stdin: "piped" },
  );
  assert(await child.waitNext());
  child.kill("SIGUSR1");
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("still there\n"));
  while (child.note !== "still there") assert(await child.waitNext());
});

Deno.test("BarrierProcess.kill() throws when the child has exited", async () => {
  await using child = shell(":");
  await child.exited.wait();
  assertThrows(
    () => child.kill("SIGINT"),
    TypeError,
    `Cannot send SIGINT to child process ${child.pid}: it has already exited`,
  );
});

Deno.test("BarrierProcess[Symbol.asyncDispose]() kills a child that ignores SIGTERM", async () => {
  let process;
  {
    await using child = shell(
      "trap '' TERM; echo >&3; while :; do sleep 0.01; done",
      { killAfter: 1 },
    );
    process = child;
    assert(await child.waitNext());
  }
  assertEquals((await process.status).signal, "SIGKILL");
});

Deno.test("BarrierProcess.exited is done for all when the child is gone", async () => {
  await using child = shell("read -r _ <&3");
  assertFalse(child.exited.done);
  child.place();
  await Promise.all([child.exited.wait(), child.exited.wait()]);
  assert(child.exited.done);
});

Deno.test("spawnWithBarrier() throws the reason of a signal that is aborted already", () => {
  assertThrows(
    () => shell(":", { signal: AbortSignal.abort(new Error("too late")) }),
    Error,
    "too late",
  );
});

Deno.test("spawnWithBarrier() takes its listener off the signal when the child exits", async () => {
  const controller = new AbortController();
  await using child = shell(":", { signal: controller.signal });
  await child.status;
  controller.abort();
  assertFalse(child.iAborted);
});

// Bad input

Deno.test("spawnWithBarrier() throws for a command that cannot be started", () => {
  const before = descriptors();
  assertThrows(
    () => spawnWithBarrier(["there-is-no-such-command"]),
    Deno.errors.NotFound,
    'Cannot spawn "there-is-no-such-command": there is no such command',
  );
  assertEquals(descriptors(), before);
});

// Deno itself forgets one descriptor when the system refuses to execute, so
// what is left behind is not looked at here.
Deno.test("spawnWithBarrier() throws for a command that the system refuses", () => {
  assertThrows(
    () => spawnWithBarrier(["sh"], { cwd: "/there/is/none" }),
    Deno.errors.NotFound,
    'or no working directory "/there/is/none"',
  );
  assertThrows(
    () => spawnWithBarrier(["/etc/passwd"]),
    Deno.errors.PermissionDenied,
    'Cannot spawn "/etc/passwd": permission denied',
  );
  assertThrows(
    () => spawnWithBarrier(["/"]),
    Deno.errors.PermissionDenied,
    'Cannot spawn "/": permission denied',
  );
});

Deno.test("spawnWithBarrier() throws where it may not run the command", async () => {
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
  assertStringIncludes(stderr, 'NotCapable Requires run access to "sh"');
});

Deno.test("spawnWithBarrier() throws for an option that is not valid", () => {
  const cases: [unknown, unknown, new (message: string) => Error, string][] = [
    [[], {}, TypeError, "Cannot spawn a child: the command is empty"],
    [[""], {}, TypeError, "Cannot spawn a child: the command is empty"],
    ["", {}, TypeError, 'Cannot spawn "": expected a module'],
    ["-A", {}, TypeError, 'Cannot spawn "-A": expected a module'],
    [
      7,
      {},
      TypeError,
      "expected a string, a URL or an array of strings, received 7",
    ],
    [["sh", 7], {}, TypeError, "received 7"],
    [["sh", "a\0b"], {}, TypeError, 'received "a\\x00b"'],
    ["a.ts", { args: ["a\0b"] }, TypeError, 'received "a\\x00b"'],
    [
      ["sh"],
      { args: "a" },
      TypeError,
      `'args' must be an array of strings: received "a"`,
    ],
    [
      "a.ts",
      { denoArgs: "--watch" },
      TypeError,
      `'denoArgs' must be an array of strings: received "--watch"`,
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
      `'permissions' must be "none", "all" or an object: received "some"`,
    ],
    [
      "a.ts",
      { permissions: { hrtime: true } },
      TypeError,
      'there is no permission "hrtime"',
    ],
    [
      "a.ts",
      { permissions: { read: "yes" } },
      TypeError,
      'the permission "read" must be a boolean, an array or "inherit": received "yes"',
    ],
    [
      "a.ts",
      { permissions: { read: ["a,b"] } },
      TypeError,
      'with a permission for "a,b"',
    ],
    [
      ["sh"],
      { stdin: "pipe" },
      TypeError,
      `'stdin' must be "inherit", "piped" or "null": received "pipe"`,
    ],
    [
      ["sh"],
      { stdout: 1 },
      TypeError,
      `'stdout' must be "inherit", "piped" or "null": received 1`,
    ],
    [
      ["sh"],
      { stderr: "no" },
      TypeError,
      `'stderr' must be "inherit", "piped" or "null": received "no"`,
    ],
    [
      ["sh"],
      { channel: "tcp" },
      TypeError,
      `'channel' must be "fd" or "stdio": received "tcp"`,
    ],
    [
      ["sh"],
      { channel: "stdio", stdin: "piped" },
      TypeError,
      `'stdin' or 'stdout' as both belong to the channel "stdio"`,
    ],
    [
      ["sh"],
      { channel: "stdio", stdout: "null" },
      TypeError,
      `'stdin' or 'stdout' as both belong to the channel "stdio"`,
    ],
    [
      ["sh"],
      { killAfter: -1 },
      RangeError,
      "'killAfter' must be from 0 to 2147483647 milliseconds: received -1",
    ],
    [["sh"], { killAfter: NaN }, RangeError, "received NaN"],
    [["sh"], { killAfter: Infinity }, RangeError, "received Infinity"],
  ];
  const before = descriptors();
  for (const [target, options, ErrorClass, message] of cases) {
    assertThrows(
      () => spawnWithBarrier(target as string, options as never),
      ErrorClass,
      message,
    );
  }
  assertEquals(descriptors(), before);
});

Deno.test("Barrier.sync() gives false for a module that does not exist", async () => {
  await using child = spawnWithBarrier("./there/is/none.ts", {
    stderr: "piped",
  });
  child.place();
  assertFalse(await child.sync());
  assertEquals(
    child.signal.reason.message,
    `Child process ${child.pid} exited with code 1 before it reached the barrier`,
  );
  assertStringIncludes(await child.stderr.text(), "none.ts");
});

for (
  const [what, script, message] of [
    [
      "what is not UTF-8",
      "printf '\\377\\n' >&3",
      '"\\xff" from the peer: it is not UTF-8',
    ],
    [
      "control characters",
      "printf 'a\\tb\\n' >&3",
      '"a\\x09b" from the peer: it has control characters',
    ],
    [
      "a line of a megabyte",
      `head -c ${MEGABYTE} /dev/zero >&3`,
      `"${"\\x00".repeat(64)}..." from the peer: it is over 4096 bytes`,
    ],
  ] as const
) {
  Deno.test(`Barrier aborts on both sides when a child sends ${what}`, async () => {
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

Deno.test("Barrier drops half a line that a child leaves behind", async () => {
  await using child = shell("printf '\\nhalf a line' >&3");
  assert(await child.waitNext());
  assertFalse(await child.waitNext());
  assertEquals(child.note, undefined);
});

Deno.test("Barrier ignores what a child sends after its abortion", async () => {
  await using child = shell("printf 'abort why\\n\\n\\n\\377\\n' >&3");
  assert(await child.waitAbortion());
  await child.exited.wait();
  assertFalse(child.iAborted);
  assertFalse(await child.waitNext());
  assertEquals(
    child.signal.reason.message,
    "Barrier aborted by the peer: why",
  );
});

Deno.test("Barrier.signal tells when a child closes its channel and lives on", async () => {
  await using child = shell("exec 3>&-; read -r _", { stdin: "piped" });
  child.place();
  assertFalse(await child.sync());
  assertEquals(
    child.signal.reason.message,
    `Child process ${child.pid} closed its channel before it reached the barrier`,
  );
  assertFalse(child.exited.done);
});

// Leaks

Deno.test({
  name: "spawnWithBarrier() leaves nothing behind after 300 children",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    async function round(): Promise<void> {
      await using child = shell("echo >&3; read -r _ <&3");
      await child.placeAndSync();
      await child.status;
    }
    const children = () =>
      Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/children`);
    const open = () => ({ descriptors: descriptors(), children: children() });
    for (let i = 0; i < 50; i++) await round();
    // The last child's descriptors are closed some turns after it was ended.
    await turnEventLoop(300);
    const before = open();
    const memory = Deno.memoryUsage().rss;
    for (let i = 0; i < 300; i++) await round();
    await turnEventLoop(300);
    assertEquals(open(), before);
    const grown = Deno.memoryUsage().rss - memory;
    assert(grown < 32 * MEGABYTE, `memory grew by ${grown} bytes`);
  },
});
