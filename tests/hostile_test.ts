// Copyright 2026 the @ipc/barrier authors. MIT license.

/** A peer that sends whatever it likes. `deno task soak` has it send more. */

import { assertEquals, assertLess } from "@std/assert";
import fc from "npm:fast-check@4.11.0";
import {
  bytesOf,
  checkHostile,
  expectPrintable,
  Reader,
  stream,
  textOf,
} from "./_helpers/hostile.ts";
import { run } from "./_helpers/run.ts";
import { dataUrl, json, shell } from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { test } from "./_helpers/unix.ts";

Deno.test("Barrier reads whatever a peer sends as PROTOCOL.md says, split anywhere", async () => {
  await checkHostile({ cases: 20_000 });
});

for (const source of ["fd", "stdout"] as const) {
  test(`BarrierProcess reads whatever a child writes to its "${source}" as PROTOCOL.md says`, async () => {
    await using directory = await TempDir.make();
    const file = `${directory.path}/stream`;
    await fc.assert(
      fc.asyncProperty(stream, async (whole) => {
        await Deno.writeFile(file, bytesOf(whole));
        const reader = new Reader(source);
        reader.read(whole);
        reader.hangUp();
        await using child = source === "fd"
          ? shell(`cat ${file} >&3`, { stdout: "piped" })
          : shell(`cat ${file}`, { channel: "stdio", stdout: "piped" });
        const [output, taken] = await Promise.all([
          child.stdout.bytes(),
          Array.fromAsync(child),
        ]);
        assertEquals(textOf(output), reader.output);
        assertEquals(child.iAborted, reader.hasViolation);
        expectPrintable(child.signal.reason.message);
        // How many came before the end of it all depends on how they arrived.
        const expected = reader.isOver ? reader.all : reader.taken;
        assertEquals(taken, expected.slice(0, taken.length));
        if (!reader.isOver) assertEquals(taken.length, expected.length);
      }),
      { numRuns: 250 },
    );
  });
}

test("BarrierProcess gives only what can be shown of a readyLine, whatever a child prints", async () => {
  await using directory = await TempDir.make();
  const file = `${directory.path}/stream`;
  await fc.assert(
    fc.asyncProperty(stream, async (whole) => {
      await Deno.writeFile(file, bytesOf(whole));
      const options = { readyLine: /.*/, stdout: "null" as const };
      await using child = shell(`cat ${file}`, options);
      const notes = await Array.fromAsync(child);
      // An empty line counts as well, unless CR ends it. Half a line does not.
      const lines = whole.match(/[^\r\n]+(?:\r\n?|\n)|(?<!\r)\n/g) ?? [];
      assertEquals(notes.length, lines.length);
      for (const note of notes) {
        expectPrintable(note);
        assertLess(bytesOfNote(note!), 4_096);
      }
    }),
    { numRuns: 100 },
  );
});

function bytesOfNote(note: string): number {
  return new TextEncoder().encode(note).length;
}

Deno.test("Barrier keeps nothing of a flood, whatever it is made of", async () => {
  const { stdout, stderr } = await run([
    Deno.execPath(),
    "run",
    "--v8-flags=--expose-gc",
    dataUrl(`
      import { Barrier } from ${json(import.meta.resolve("../barrier.ts"))};
      import { StdoutSplitter } from ${
      json(import.meta.resolve("../src/spawn/stdout_splitter.ts"))
    };
      const inUse = () => {
        gc();
        const { heapUsed, external } = Deno.memoryUsage();
        return heapUsed + external;
      };
      for (const text of ["x", "\\n", "+note\\n", "\\x1e", "\\x1e+", "\\x1e+x\\n", "\\r"]) {
        for (const acceptsText of [true, false]) {
          const barriers = [];
          const receivers = [];
          for (let i = 0; i < 2; i++) {
            barriers.push(new Barrier({
              acceptsText,
              open: (receiver) => receivers.push(receiver),
              send() {},
              close() {},
              ref() {},
              unref() {},
            }));
          }
          const splitter = new StdoutSplitter();
          const flood = new TextEncoder().encode(text.repeat(65_536 / text.length));
          const pour = () => {
            receivers[0].receive(flood);
            receivers[1].deliver(splitter.read(flood).messages);
          };
          for (let i = 0; i < 10; i++) pour();
          const before = inUse();
          for (let i = 0; i < 32; i++) pour();
          console.log(inUse() - before);
          for (const barrier of barriers) barrier.destroy();
        }
      }
    `),
  ]);
  assertEquals(stderr, "");
  const growths = stdout.trim().split("\n").map(Number);
  assertEquals(growths.length, 14);
  for (const growth of growths) assertLess(growth, 1024 * 1024);
});
