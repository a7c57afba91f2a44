// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { MUTATIONS, testFile } from "../tools/mutations.ts";

const ROOT = new URL("../", import.meta.url);

Deno.test("MUTATIONS replace what occurs exactly once in a file", async () => {
  const sources = new Map<string, string>();
  const problems: string[] = [];
  for (const { file, find, replace } of MUTATIONS) {
    const source = sources.get(file) ??
      await Deno.readTextFile(new URL(file, ROOT));
    sources.set(file, source);
    const count = source.split(find).length - 1;
    if (count !== 1) problems.push(`${file}: ${count} of ${find}`);
    if (replace === find) problems.push(`${file}: ${find} stays as it is`);
  }
  assertEquals(problems, []);
});

Deno.test("MUTATIONS name tests that exist", async () => {
  const names = new Set(MUTATIONS.flatMap(({ tests }) => tests));
  const missing: string[] = [];
  for (const name of names) {
    const path = new URL(testFile(name), ROOT);
    if (!(await Deno.stat(path).catch(() => undefined))) missing.push(name);
  }
  assertEquals(missing, []);
});
