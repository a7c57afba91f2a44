// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { run } from "./_helpers/run.ts";
import { TempDir } from "./_helpers/temp_dir.ts";

const TOOL = import.meta.resolve("../tools/check_prose.ts");

/** Checks files, and returns the problems without what to write instead. */
async function check(files: Record<string, string>): Promise<string[]> {
  await using directory = await TempDir.make();
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${directory.path}/${name}`, text);
  }
  const { code, stderr } = await run(
    [Deno.execPath(), "run", "--allow-read", TOOL, directory.path],
    { env: { NO_COLOR: "1" } },
  );
  const lines = stderr.split("\n").slice(0, -2);
  assertEquals(code, lines.length === 0 ? 0 : 1, stderr);
  return lines.map((line) => line.replace(/: write .*/, ""));
}

Deno.test("check_prose finds banned phrases in a page, a comment and a name", async () => {
  assertEquals(
    await check({
      "page.md": "One line.\n\nIt gives `false` at\nonce.\n",
      "source.ts": '// A colour.\nDeno.test("It is' +
        ' no channel", () => {});\n',
    }),
    [
      'page.md:3: "gives "',
      'page.md:3: "at once"',
      'source.ts:1: "colour"',
      'source.ts:2: "is no"',
    ],
  );
});

Deno.test("check_prose finds nothing in code, and nothing that is right", async () => {
  assertEquals(
    await check({
      "page.md": [
        "There is no channel, and it is no longer there. `at once` is code.",
        "```ts\n// It tells at once.\n```",
        "150 children at once leave nothing behind.",
      ].join("\n\n"),
      "source.ts": 'export const text = "behaviour";\n',
    }),
    [],
  );
});

Deno.test("check_prose finds sentences that are too long", async () => {
  const words = Array(36).fill("word").join(" ");
  assertEquals(
    await check({ "page.md": `- Short.\n- ${words}.\n- Short: ${words}\n` }),
    [
      'page.md:2: a sentence of 36 words: "word word word word word word …"',
      'page.md:3: a sentence of 37 words: "Short: word word word word word …"',
    ],
  );
});

Deno.test("check_prose finds links that lead nowhere", async () => {
  assertEquals(
    await check({
      "page.md": "[a](b.md) [a](#a-heading) [a](#none) [a](page.md#none)\n\n" +
        "# A `heading`\n",
    }),
    [
      'page.md:1: the link "b.md" leads nowhere',
      'page.md:1: no heading for the link "#none"',
      'page.md:1: no heading for the link "page.md#none"',
    ],
  );
});

Deno.test("check_prose finds messages that are not one sentence", async () => {
  assertEquals(
    await check({
      "source.ts":
        'throw new Error("Cannot a: b. C");\nthrow new Error("Cannot a: it isn\'t");\n',
    }),
    [
      "source.ts:1: a message is one sentence, without a period",
      "source.ts:2: a message has no contractions",
    ],
  );
});

Deno.test("check_prose finds a README that exceeds its budget", async () => {
  assertEquals(
    await check({ "README.md": "word.\n\n".repeat(1801) + " ".repeat(14336) }),
    ["README.md:1: 1801 words", "README.md:1: 26943 bytes"],
  );
});
