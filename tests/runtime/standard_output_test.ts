// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { writeWhole } from "../../src/runtime/standard_output.ts";
import { type CommandLine, run } from "../_helpers/run.ts";
import { testdataCommand } from "../_helpers/scripts.ts";

const SIZE = 200_000;

/** Lines, so that Deno's stdout keeps the end of what it has not written. */
const LINES = `${"x".repeat(99)}\n`.repeat(SIZE / 100);

/** A program that writes the lines, and reports on stderr in how many writes. */
function program(...permissions: string[]): CommandLine {
  return testdataCommand(
    "standard_output.ts",
    [`${SIZE / 100}`],
    ["--no-prompt", ...permissions],
  );
}

/** Runs a program whose stdout a shell has redirected. */
function redirected(command: string, words: CommandLine, file: string) {
  return run(["sh", "-c", command, "sh", ...words], { env: { file } });
}

function linuxTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: Deno.build.os !== "linux", fn });
}

linuxTest(
  "writeWhole() opens a pipe once more if it has all permissions",
  async () => {
    const { stdout, stderr } = await run(program("--allow-all"));
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
      const { stdout, stderr } = await run(program(...permissions));
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

// An output of the test's own

/** What is written to an output, which fails with an error before that. */
class Output {
  readonly writes: string[] = [];
  readonly #errors: Error[];

  constructor(...errors: Error[]) {
    this.#errors = errors;
  }

  readonly write = async (bytes: Uint8Array): Promise<number> => {
    this.writes.push(new TextDecoder().decode(bytes));
    await undefined;
    const error = this.#errors.shift();
    if (error !== undefined) throw error;
    return bytes.length;
  };
}

/** Has `Deno.stdout` write to an output until it is disposed of. */
function mockStdout({ write }: Output): Disposable {
  Object.assign(Deno.stdout, { write });
  return {
    [Symbol.dispose]: () => void Reflect.deleteProperty(Deno.stdout, "write"),
  };
}

/** Too long for the buffer of Deno's stdout, and short enough for a pipe. */
const LONG = "x".repeat(2_000);

const FULL = new Deno.errors.WouldBlock();

Deno.test("writeWhole() writes again where an output is full for a moment", async () => {
  const output = new Output(FULL, FULL);
  await writeWhole(output, new TextEncoder().encode("text"));
  assertEquals(output.writes, ["text", "text", "text"]);
});

Deno.test("writeWhole() rejects with any other error", async () => {
  const error = new Error("No space left on device");
  const output = new Output(error);
  await assertRejects(
    () => writeWhole(output, Uint8Array.of(1)),
    Error,
    "space",
  );
  assertEquals(output.writes.length, 1);
});

for (
  const [what, text, again] of [
    ["nothing of half a line, which Deno's stdout keeps", "$ ", ""],
    ["a line, which it does not keep", "line\n", "line\n"],
    ["a long piece, which it does not keep", LONG, LONG],
  ] as const
) {
  Deno.test(`writeWhole() writes again ${what}`, async () => {
    const output = new Output(FULL);
    using _ = mockStdout(output);
    await writeWhole(Deno.stdout, new TextEncoder().encode(text));
    assertEquals(output.writes, [text, again]);
  });
}
