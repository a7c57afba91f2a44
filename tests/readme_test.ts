// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The first example of the README, run as a reader would. */

import { assertEquals } from "@std/assert";
import { run } from "./_helpers/run.ts";
import { TempDir } from "./_helpers/temp_dir.ts";

const readme = await Deno.readTextFile(
  new URL("../README.md", import.meta.url),
);

/** The text of the first code block that begins with a line. */
function block(firstLine: string): string {
  const blocks = readme.matchAll(/^```\w+[^\n]*\n(.*?)^```$/gms);
  for (const [, text] of blocks) {
    if (text!.startsWith(`${firstLine}\n`)) return text!;
  }
  throw new Error(`Cannot find a block that begins with "${firstLine}"`);
}

Deno.test("README.md begins with an example that works as it says", async () => {
  const command = "$ deno run --allow-run --allow-env parent.ts";
  const expected = block(command).slice(command.length + 1);
  await using directory = await TempDir.make();
  const write = (name: string, text: string) =>
    Deno.writeTextFile(`${directory.path}/${name}`, text);
  await write("parent.ts", block("// parent.ts"));
  await write("child.ts", block("// child.ts"));
  const imports = {
    "@ipc/barrier": import.meta.resolve("../mod.ts"),
    "@ipc/barrier/inherit": import.meta.resolve("../inherit.ts"),
  };
  await write("deno.json", JSON.stringify({ imports }));

  const args = command.split(" ").slice(2);
  const { code, stdout, stderr } = await run([Deno.execPath(), ...args], {
    cwd: directory.path,
  });
  assertEquals(stderr, "");
  assertEquals(stdout, expected);
  assertEquals(code, 0);
});
