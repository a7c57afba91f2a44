// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Examples with servers that nobody here wrote: redis, PostgreSQL, nginx, Xvfb. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { retry } from "@std/async";
import { spawnWithBarrier } from "../mod.ts";
import { isInstalled } from "./_helpers/programs.ts";
import { run, start } from "./_helpers/run.ts";
import { readUntil } from "./_helpers/scripts.ts";
import { STOPPING } from "./_helpers/signals.ts";
import { TempDir } from "./_helpers/temp_dir.ts";

const ROOT = new URL("../", import.meta.url);
const COMMAND = [
  Deno.execPath(),
  "run",
  "--allow-all",
  "examples/services.ts",
] as const;

function hasPostgres(): boolean {
  try {
    for (const _ of Deno.readDirSync("/usr/lib/postgresql")) return true;
  } catch {
    // It is not there.
  }
  console.log("Ignoring tests: postgresql is not installed");
  return false;
}

const ignore = Deno.build.os !== "linux" || !isInstalled("redis-server") ||
  !hasPostgres();

/** The processes that were started in a directory, or for it. */
async function processesOf(path: string): Promise<string[]> {
  const found = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const command = await Deno.readTextFile(`/proc/${name}/cmdline`)
      .catch(() => "");
    const cwd = await Deno.readLink(`/proc/${name}/cwd`).catch(() => "");
    if (command.includes(path) || cwd.startsWith(path)) found.push(command);
  }
  return found;
}

/** Nothing is left in a directory, and nobody that was started there. */
async function assertNothingLeft(path: string): Promise<void> {
  assertEquals(await Array.fromAsync(Deno.readDir(path)), []);
  assertEquals(await processesOf(path), []);
}

/** A directory for the example's own temporary files, open to all users. */
async function sharedTempDir(): Promise<TempDir> {
  const directory = await TempDir.make();
  await Deno.chmod(directory.path, 0o777);
  return directory;
}

Deno.test({
  name:
    "examples/services.ts uses its services when they are ready, and ends them",
  ignore,
  async fn() {
    await using directory = await sharedTempDir();
    const { code, stdout, stderr } = await run(COMMAND, {
      cwd: ROOT,
      env: { TMPDIR: directory.path, NO_COLOR: "1" },
    });
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertEquals(
      stdout,
      `\
Redis and PostgreSQL are ready
The server is ready
Visit 1, PostgreSQL does not encrypt
All have ended
`,
    );
    await assertNothingLeft(directory.path);
  },
});

for (const [signal, code] of STOPPING) {
  Deno.test({
    name:
      `examples/services.ts ends its services at ${signal}, and exits with ${code}`,
    ignore,
    async fn() {
      await using directory = await sharedTempDir();
      const example = start([...COMMAND, "--stay"], {
        cwd: ROOT,
        env: { TMPDIR: directory.path },
        stdin: "null",
        stderr: "inherit",
      });
      const reader = example.stdout.getReader();
      await readUntil(reader, "Visit");
      example.kill(signal);
      assertStringIncludes(
        await readUntil(reader, "ended"),
        `All have ended: Stopped by ${signal}`,
      );
      assertEquals((await example.status).code, code);
      await reader.cancel();
      await assertNothingLeft(directory.path);
    },
  });
}

/** How many starts; `BARRIER_TEST_STARTS=100` for more. */
const STARTS = Number(Deno.env.get("BARRIER_TEST_STARTS") ?? 6);

Deno.test({
  name:
    `examples/services.ts leaves nothing behind of ${STARTS} starts, at random moments stopped or bereft of a service`,
  ignore,
  async fn() {
    for (let i = 0; i < STARTS; i++) {
      await using directory = await sharedTempDir();
      const example = start([...COMMAND, "--stay"], {
        cwd: ROOT,
        env: { TMPDIR: directory.path },
        stdin: "null",
        stderr: "null",
      });
      // Whatever has happened by then: the moment is the test's input.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 700));
      if (i % 3 === 0) {
        const victims = await run([
          "pgrep",
          "-f",
          `${directory.path}.*(redis|data)`,
        ]);
        for (const pid of victims.stdout.split("\n").filter(Boolean)) {
          try {
            Deno.kill(Number(pid), "SIGKILL");
          } catch {
            // It has gone.
          }
        }
        await new Promise((resolve) =>
          setTimeout(resolve, Math.random() * 100)
        );
      }
      try {
        example.kill(i % 2 === 0 ? "SIGINT" : "SIGTERM");
      } catch {
        // It has ended, for want of a service.
      }
      await example.stdout.cancel();
      await example.status;
      await assertNothingLeft(directory.path);
    }
  },
});

Deno.test({
  name:
    "spawnWithBarrier() needs nothing but options for nginx, which prints nothing and is polled until it dies",
  ignore: Deno.build.os !== "linux" || !isInstalled("nginx"),
  async fn() {
    await using directory = await TempDir.make();
    const { path } = directory;
    const configure = (listen: string) =>
      Deno.writeTextFile(
        `${path}/nginx.conf`,
        `daemon off; pid ${path}/pid; error_log /dev/null;
        events {}
        http { access_log off; server { listen ${listen}; return 200 "hi"; } }`,
      );
    const spawn = () =>
      spawnWithBarrier(
        ["nginx", "-p", path, "-c", `${path}/nginx.conf`, "-e", "/dev/null"],
        { stopSignal: "SIGQUIT", stderr: "null", stdout: "null" },
      );
    await configure(`unix:${path}/socket`);
    {
      await using nginx = spawn();
      await retry(async () => {
        nginx.signal.throwIfAborted();
        (await Deno.connect({ transport: "unix", path: `${path}/socket` }))
          .close();
      }, { minTimeout: 5, maxAttempts: 1_000, multiplier: 1 });
      assert(!nginx.signal.aborted);
    }
    await configure("nowhere:99999999");
    await using broken = spawn();
    assertEquals(await broken.waitNext(), false);
    assertEquals(broken.signal.reason.status.code, 1);
  },
});

Deno.test({
  name:
    "spawnWithBarrier() needs nothing but options for Xvfb, which announces its display on a descriptor",
  ignore: Deno.build.os !== "linux" || !isInstalled("Xvfb"),
  async fn() {
    await using display = spawnWithBarrier(
      [
        "Xvfb",
        "-displayfd",
        "3",
        "-nolisten",
        "tcp",
        "-screen",
        "0",
        "64x64x8",
      ],
      { stderr: "null", stdout: "null" },
    );
    const number = await display.ready();
    assert(/^\d+$/.test(number!), number);
    assert((await Deno.stat(`/tmp/.X11-unix/X${number}`)).isSocket);
  },
});
