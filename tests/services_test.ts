// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Examples with servers that nobody here wrote: redis, PostgreSQL, nginx, Xvfb. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { retry } from "@std/async";
import { spawnWithBarrier } from "../mod.ts";
import { isInstalled } from "./_helpers/programs.ts";
import { checkStops, RunningExample } from "./_helpers/running_example.ts";
import { STOPPING } from "./_helpers/signals.ts";
import { TempDir } from "./_helpers/temp_dir.ts";

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

for (const [signal] of STOPPING) {
  Deno.test({
    name: `examples/services.ts stops its services in order at ${signal}`,
    ignore,
    async fn() {
      await using example = await RunningExample.start("services.ts");
      const shown = await example.until("Visit 1");
      assertMatch(
        shown,
        /^Redis and PostgreSQL are ready\nThe server is ready at http:/,
      );
      example.kill(signal);
      const { rest, errors, status } = await example.ended();
      assertMatch(rest, /All have stopped\n$/);
      assertEquals({ errors, signal: status.signal }, { errors: "", signal });
      assertEquals(await example.leftovers(), []);
    },
  });
}

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
const STOPS = Number(Deno.env.get("BARRIER_TEST_STOPS") ?? 5);

Deno.test({
  name:
    `examples/services.ts leaves nothing behind of ${STOPS} stops at random moments`,
  ignore,
  fn: () =>
    checkStops({
      example: "services.ts",
      count: STOPS,
      random: Math.random,
    }),
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
