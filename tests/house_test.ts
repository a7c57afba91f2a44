// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { LIBRARY, libraryFiles } from "./_helpers/library.ts";

/** The layers, lowest first: a file imports from its own or from lower ones. */
const LAYERS = [
  /^src\/(runtime|barrier)\//,
  /^src\/channels\//,
  /^barrier\.ts$/,
  /^src\/(trace\.ts|spawn\/)/,
  /^(completion|inherit)\.ts$/,
  /^spawn\.ts$/,
  /^mod\.ts$/,
];

Deno.test("Imports point one way, those of types included", async () => {
  const layer = (file: string) => LAYERS.findIndex((layer) => layer.test(file));
  const upward: string[] = [];
  const imports = new Map<string, string[]>();
  for (const file of await libraryFiles()) {
    const source = await Deno.readTextFile(new URL(file, LIBRARY));
    const found = source.matchAll(/^[^*\n]*(?:from|import) ?\(?"(\..*)"/gm);
    const targets = Array.from(
      found,
      ([, specifier]) =>
        new URL(specifier!, new URL(file, LIBRARY)).href
          .replace(LIBRARY.href, ""),
    );
    imports.set(file, targets);
    for (const target of targets) {
      const isBeside = file.startsWith("src/runtime/") !==
          target.startsWith("src/runtime/") && layer(file) === 0;
      if (isBeside || layer(target) > layer(file)) {
        upward.push(`${file} -> ${target}`);
      }
    }
  }
  assertEquals(upward, []);
  // Whoever imports nothing that is left goes, until only circles are left.
  for (let size = 0; size !== imports.size;) {
    size = imports.size;
    for (const [file, targets] of imports) {
      if (targets.some((target) => imports.has(target))) continue;
      imports.delete(file);
    }
  }
  assertEquals([...imports.keys()], []);
});

Deno.test("The library uses the timers and the clock of src/runtime/timers.ts", async () => {
  const names = "setTimeout|setInterval|setImmediate|performance|Date";
  const global = new RegExp(`(?<![.\\w])(${names})\\b(?=[.(]|$)`, "g");
  const found: string[] = [];
  for (const file of await libraryFiles()) {
    if (file === "src/runtime/timers.ts") continue;
    const source = await Deno.readTextFile(new URL(file, LIBRARY));
    const code = source.replace(/\/\*[^]*?\*\//g, "").replace(/\/\/.*/g, "");
    const own = /\{([^}]*)\} (?:from ".*\/timers.ts"|= globalThis)/.exec(code);
    for (const [, name] of code.matchAll(global)) {
      if (!own?.[1]?.includes(name!)) found.push(`${file}: ${name}`);
    }
  }
  assertEquals(found, []);
});

Deno.test("The library does without `using`, which Node 20 cannot parse", async () => {
  const found: string[] = [];
  for (const file of await libraryFiles()) {
    const source = await Deno.readTextFile(new URL(file, LIBRARY));
    if (/^ *(await )?using \w/m.test(source)) found.push(file);
  }
  assertEquals(found, []);
});

/** Files of tests that no single file of the library has. */
const OF_THE_WHOLE = [
  ...["conformance", "exhaustive", "hostile", "limits", "storm", "systemd"],
  ...["foreign", "peer", "portable", "remote", "runtimes", "sandbox"],
  ...["browser", "cluster", "services", "terminal"],
  ...["consumer", "dev", "examples", "npm_consumer", "protocol", "readme"],
  ...[
    "check_prose",
    "documentation",
    "house",
    "mutate",
    "mutations",
    "runner",
    "supply_chain",
    "types",
  ],
];

Deno.test("Each file of tests is named after what it tests", async () => {
  const library = await libraryFiles();
  const isOfTheLibrary = (path: string) =>
    library.includes(`src/${path}.ts`) ||
    // A public file has several: what they test follows its name.
    library.some((file) =>
      file.split("/").length === 1 &&
      `${path}_`.startsWith(file.replace(/\.ts$/, "_"))
    );
  const others = (await libraryFiles("tests/"))
    .filter((file) => file.endsWith("_test.ts"))
    .map((file) => file.replace(/^tests\/(.+)_test\.ts$/, "$1"))
    .filter((path) => !isOfTheLibrary(path) && !OF_THE_WHOLE.includes(path));
  assertEquals(others, []);
});
