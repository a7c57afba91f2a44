// Copyright 2026 the @ipc/barrier authors. MIT license.

/** `examples/dev.ts` with the real Vite. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { isInstalled } from "./_helpers/programs.ts";
import { checkStops, RunningExample } from "./_helpers/running_example.ts";

const ignore = Deno.build.os !== "linux" || !isInstalled("npm") ||
  !isInstalled("node");

/** How long, in milliseconds, the example took to become ready and to stop. */
let duration: number | undefined;

Deno.test({
  name:
    "examples/dev.ts serves a site by Vite, and labels what each program prints",
  ignore,
  async fn() {
    const begin = performance.now();
    await using example = await RunningExample.start("dev.ts");
    const shown = await example.until("Open http") + await example.until("\n");
    assertMatch(shown, /^vite {2}\| .*Local: +http/m);
    assertMatch(shown, /^tests \| .*Test started/m);
    const url = /Open (\S+)/.exec(shown)![1]!;
    const page = await (await fetch(url)).text();
    assertStringIncludes(page, "<title>Hello</title>");
    const script = await (await fetch(new URL("greeting.ts", url))).text();
    assertStringIncludes(script, "Hello, ");

    example.kill("SIGINT");
    const { status } = await example.ended();
    duration = performance.now() - begin;
    assertEquals(status.signal, "SIGINT");
    assertEquals(await example.leftovers(), []);
  },
});

Deno.test({
  name:
    "examples/dev.ts leaves nothing behind when it is stopped at a random moment",
  ignore,
  fn: () =>
    checkStops({
      example: "dev.ts",
      count: 1,
      duration,
      random: Math.random,
    }),
});
