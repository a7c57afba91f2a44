// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Servers that do not use this library: redis, PostgreSQL, nginx, memcached, Xvfb. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { BarrierAbortedError, spawnWithBarrier } from "../mod.ts";
import { freePort } from "./_helpers/free_port.ts";
import { isInstalled } from "./_helpers/programs.ts";
import { checkStops, RunningExample } from "./_helpers/running_example.ts";
import { TempDir } from "./_helpers/temp_dir.ts";

/** The version of PostgreSQL that is installed, if any. */
function postgresVersion(): string | undefined {
  try {
    for (const { name } of Deno.readDirSync("/usr/lib/postgresql")) return name;
  } catch {
    // It is not installed.
  }
}

function hasPostgres(): boolean {
  if (postgresVersion() !== undefined) return true;
  console.log("Ignoring tests: postgresql is not installed");
  return false;
}

const ignore = Deno.build.os !== "linux" || !isInstalled("redis-server") ||
  !hasPostgres();

/** How long, in milliseconds, the example took to become ready and to stop. */
let duration: number | undefined;

// The other signals stop it at random moments, and each of them a main function
// in run_main_test.ts.
Deno.test({
  name: "examples/services.ts stops its services in order at SIGINT",
  ignore,
  async fn() {
    const begin = performance.now();
    await using example = await RunningExample.start("services.ts");
    const shown = await example.until("Visit 1");
    assertMatch(
      shown,
      /^Redis and PostgreSQL are ready\nThe server is ready at http:/,
    );
    example.kill("SIGINT");
    const { rest, errors, status } = await example.ended();
    duration = performance.now() - begin;
    assertMatch(rest, /All have stopped\n$/);
    // It is printed where stopping takes a second.
    assertEquals(errors.replace(/^Waiting for .+\n/, ""), "");
    assertEquals(status.signal, "SIGINT");
    assertEquals(await example.leftovers(), []);
  },
});

Deno.test({
  name:
    "examples/services.ts reports which service has died, and stops the others",
  ignore,
  async fn() {
    await using example = await RunningExample.start("services.ts");
    await example.until("Visit 1");
    const redis = (await example.processes())
      .find(({ command }) => command.includes("redis-server"));
    Deno.kill(redis!.pid, "SIGKILL");
    const { rest, errors, status } = await example.ended();
    assertMatch(rest, /All have stopped\n$/);
    assertMatch(errors, /\(redis-server\) .*was killed by SIGKILL/);
    assertEquals(status.code, 1);
    assertEquals(await example.leftovers(), []);
  },
});

/** How many stops; `BARRIER_TEST_STOPS=100` for more. */
const STOPS = Number(Deno.env.get("BARRIER_TEST_STOPS") ?? 1);

Deno.test({
  name:
    `examples/services.ts leaves nothing behind when it stops at ${STOPS} random moments`,
  ignore,
  fn: () =>
    checkStops({
      example: "services.ts",
      count: STOPS,
      duration,
      random: Math.random,
    }),
});

/** A directory that all users may write to. */
async function sharedTempDir(): Promise<TempDir> {
  const directory = await TempDir.make();
  await Deno.chmod(directory.path, 0o777);
  return directory;
}

/** PostgreSQL and memcached do not run as root. */
const [uid, gid] = Deno.uid() === 0 ? [65534, 65534] : [];

/** Options for a service of which nothing is shown but in errors. */
const QUIET = {
  ...{ uid, gid },
  stdout: "errorTail",
  stderr: "errorTail",
} as const;

for (const kind of ["tcp", "unix"] as const) {
  for (
    const [program, argsOf] of [
      ["redis-server", (address: string, port: number) => [
        ...["--save", "", "--dir", "/"],
        ...kind === "tcp"
          ? ["--port", `${port}`, "--bind", "127.0.0.1"]
          : ["--port", "0", "--unixsocket", address],
      ]],
      [
        "memcached",
        (address: string, port: number) =>
          kind === "tcp"
            ? ["-p", `${port}`, "-l", "127.0.0.1", "-U", "0"]
            : ["-s", address],
      ],
    ] as const
  ) {
    Deno.test({
      name:
        `spawnWithBarrier() finds out by a ${kind} address when ${program} is ready`,
      ignore: Deno.build.os !== "linux" || !isInstalled(program),
      async fn() {
        await using directory = await sharedTempDir();
        const path = `${directory.path}/socket`;
        const port = freePort();
        const readyUrl = kind === "tcp"
          ? `tcp://localhost:${port}`
          : `unix://${path}`;
        await using service = spawnWithBarrier(
          [program, ...argsOf(path, port)],
          { ...QUIET, readyUrl },
        );
        assertEquals(await service.ready(), readyUrl);
        using conn = kind === "tcp"
          ? await Deno.connect({ hostname: "127.0.0.1", port })
          : await Deno.connect({ transport: "unix", path });
        await conn.write(new TextEncoder().encode("PING\r\n"));
        const answer = await conn.read(new Uint8Array(64));
        assert(answer! > 0);
      },
    });
  }
}

Deno.test({
  name: "spawnWithBarrier() finds out by pg_isready when PostgreSQL is ready",
  ignore: Deno.build.os !== "linux" || !hasPostgres(),
  async fn() {
    await using directory = await sharedTempDir();
    const { path } = directory;
    const bin = `/usr/lib/postgresql/${postgresVersion()}/bin`;
    const options = { ...QUIET, cwd: path };
    await using initdb = spawnWithBarrier(
      [`${bin}/initdb`, "--no-sync", "-A", "trust", "-D", "data"],
      options,
    );
    await initdb.finished();
    let tries = 0;
    await using database = spawnWithBarrier(
      [`${bin}/postgres`, "-D", "data", "-k", path, "-h", "", "-F"],
      {
        ...options,
        stopSignal: "SIGINT",
        async readyWhen(signal) {
          tries++;
          const { success, stdout } = await new Deno.Command(
            `${bin}/pg_isready`,
            { args: ["-h", path], signal },
          ).output();
          return success && new TextDecoder().decode(stdout);
        },
      },
    );
    assertEquals(
      await database.ready(),
      `${path}:5432 - accepting connections`,
    );
    assert(tries > 0);
  },
});

Deno.test({
  name:
    "spawnWithBarrier() finds out by HTTP when nginx is ready, and reports why it is not",
  ignore: Deno.build.os !== "linux" || !isInstalled("nginx"),
  async fn() {
    await using directory = await TempDir.make();
    const { path } = directory;
    const readyUrl = `http://localhost:${freePort()}/`;
    const spawn = async (server: string) => {
      await Deno.writeTextFile(
        `${path}/nginx.conf`,
        `daemon off; pid ${path}/pid; error_log stderr;
        events {}
        http { access_log off; server { ${server} } }`,
      );
      return spawnWithBarrier(
        ["nginx", "-p", path, "-c", `${path}/nginx.conf`, "-e", "stderr"],
        {
          stdout: "errorTail",
          stderr: "errorTail",
          stopSignal: "SIGQUIT",
          readyUrl,
        },
      );
    };
    const listen = `listen 127.0.0.1:${new URL(readyUrl).port};`;
    {
      await using nginx = await spawn(`${listen} return 302 /elsewhere;`);
      assertEquals(await nginx.ready(), readyUrl);
    }
    {
      await using nginx = await spawn(`${listen} return 404;`);
      await assertRejects(
        () => nginx.ready({ timeout: 1_000 }),
        DOMException,
        "last answer: 404",
      );
    }
    await using nginx = await spawn("listen nowhere:99999999;");
    await assertRejects(
      () => nginx.ready(),
      BarrierAbortedError,
      'invalid port in "nowhere:99999999"',
    );
  },
});

Deno.test({
  name:
    "spawnWithBarrier() starts Xvfb, which announces its display on a descriptor",
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
