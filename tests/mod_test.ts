// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What the modules have of each other. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import * as inherit from "../inherit.ts";
import * as all from "../mod.ts";
import * as spawn from "../spawn.ts";
import { run } from "./_helpers/run.ts";

interface ModuleInfo {
  specifier: string;
  dependencies?: { code?: { specifier: string }; isDynamic?: boolean }[];
}

/** The modules that are loaded with one, itself among them. */
async function loadedWith(module: string): Promise<string[]> {
  const root = import.meta.resolve(`../${module}`);
  const { code, stdout, stderr } = await run(
    [Deno.execPath(), "info", "--no-config", "--json", root],
  );
  assertEquals(code, 0, stderr);
  const { modules } = JSON.parse(stdout) as {
    modules: ModuleInfo[];
  };
  const loaded = new Set([root]);
  for (const specifier of loaded) {
    const info = modules.find((info) => info.specifier === specifier);
    for (const { code, isDynamic } of info?.dependencies ?? []) {
      if (code && !isDynamic) loaded.add(code.specifier);
    }
  }
  const directory = new URL(".", root).href;
  return Array.from(loaded, (url) => url.replace(directory, "")).sort();
}

for (
  const [module, ...others] of [
    ["barrier.ts"],
    ["completion.ts"],
    ["inherit.ts", "barrier.ts", "channels.ts"],
    ["spawn.ts", "barrier.ts", "channels.ts", "completion.ts", "inherit.ts"],
    [
      "mod.ts",
      "barrier.ts",
      "channels.ts",
      "completion.ts",
      "inherit.ts",
      "spawn.ts",
    ],
  ] as const
) {
  Deno.test(`Importing ${module} loads ${others.join(", ") || "nothing else"}`, async () => {
    assertEquals(await loadedWith(module), [module, ...others].sort());
  });
}

Deno.test("mod.ts, spawn.ts and inherit.ts export one inheritBarrier()", () => {
  assertStrictEquals(all.inheritBarrier, inherit.inheritBarrier);
  assertStrictEquals(spawn.inheritBarrier, inherit.inheritBarrier);
});
