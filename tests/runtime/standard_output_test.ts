// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import { type CommandLine, run } from "../_helpers/run.ts";
import { dataUrl, json } from "../_helpers/scripts.ts";

const SIZE = 200_000;

/** Lines, so that Deno's stdout keeps the end of what it has not written. */
const LINES = `${"x".repeat(99)}\n`.repeat(SIZE / 100);

/** Writes the lines, and reports on stderr how often Deno's stdout was used. */
const PROGRAM = dataUrl(`
  import { writeWhole } from ${
  json(import.meta.resolve("../../src/runtime/standard_output.ts"))
};
  const { stdout } = Deno;
  const { write } = stdout;
  let writes = 0;
  stdout.write = (bytes) => (writes++, write.call(stdout, bytes));
  const line = "x".repeat(99) + "\\n";
  await writeWhole(stdout, new TextEncoder().encode(line.repeat(${
  SIZE / 100
})));
  console.error(writes);
`);

function program(...permissions: string[]): string[] {
  return [Deno.execPath(), "run", "--no-prompt", ...permissions, PROGRAM];
}

/** Runs a program whose stdout a shell has redirected. */
function redirected(command: string, words: string[], file: string) {
  return run(["sh", "-c", command, "sh", ...words], { env: { file } });
}

function linuxTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: Deno.build.os !== "linux", fn });
}

linuxTest(
  "writeWhole() opens a pipe once more if it has all permissions",
  async () => {
    const { stdout, stderr } = await run(
      program("--allow-all") as unknown as CommandLine,
    );
    assert(stdout === LINES);
    assertEquals(stderr, "0\n");
  },
);

for (
  const permissions of [["--allow-run"], ["--allow-read", "--allow-write"]]
) {
  linuxTest(
    `writeWhole() writes pieces of whole lines with ${permissions.join(" ")}`,
    async () => {
      const { stdout, stderr } = await run(
        program(...permissions) as unknown as CommandLine,
      );
      assert(stdout === LINES);
      assertEquals(Number(stderr), Math.ceil(SIZE / 4_000));
    },
  );
}

linuxTest(
  "writeWhole() does not open a pipe that has a name",
  async () => {
    const file = await Deno.makeTempFile();
    await Deno.remove(file);
    const { stdout, stderr } = await redirected(
      'mkfifo "$file"; cat "$file" & "$@" >"$file"; wait; rm "$file"',
      program("--allow-all"),
      file,
    );
    assert(stdout === LINES);
    assertEquals(Number(stderr), Math.ceil(SIZE / 4_000));
  },
);

linuxTest(
  "writeWhole() writes to a file as one, after what is there",
  async () => {
    const file = await Deno.makeTempFile();
    const { stderr } = await redirected(
      'exec >"$file"; echo before; "$@"; echo after',
      program("--allow-all"),
      file,
    );
    assert(await Deno.readTextFile(file) === `before\n${LINES}after\n`);
    assertEquals(stderr, "1\n");
    await Deno.remove(file);
  },
);
