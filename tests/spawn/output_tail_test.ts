// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { OutputTail } from "../../src/spawn/output_tail.ts";
import { pieces } from "../_helpers/pieces.ts";

const encoder = new TextEncoder();

function tailOf(output: string, lengths: readonly number[] = []): OutputTail {
  const tail = new OutputTail();
  for (const piece of pieces(encoder.encode(output), lengths)) tail.push(piece);
  return tail;
}

Deno.test("OutputTail.lines has the last twenty lines", () => {
  const lines = Array.from({ length: 50_000 }, (_, i) => `line ${i}`);
  for (const lengths of [[], [1], [70, 7_000], [100_000]]) {
    const tail = tailOf(lines.join("\n"), lengths);
    assertEquals(tail.lines, lines.slice(-20));
  }
});

Deno.test("OutputTail.lines has at most 4 KiB, and whole lines of them", () => {
  const long = "x".repeat(2_045);
  assertEquals(tailOf(`first\n${long}\n${long}\nlast\n`).lines, [
    long,
    long,
    "last",
  ]);
  assertEquals(tailOf(`${long}\n${long}\n${long}\n`).lines, [long, long]);
  assertEquals(tailOf("y".repeat(100_000)).lines, ["y".repeat(4_096)]);
});

Deno.test("OutputTail.lines counts bytes of UTF-8", () => {
  const line = (name: string) => name + "ü".repeat(1_500);
  assertEquals(tailOf(`${line("a")}\n${line("b")}\n`).lines, [line("b")]);
});

Deno.test("OutputTail.lines is printable, and has no empty lines", () => {
  const tail = tailOf(
    "\x1b[31mred\x1b[0m\n\n \t\na\tb\u202e\r\n\0half",
  );
  assertEquals(tail.lines, ["red", "a b\\u{202e}", "half"]);
});

Deno.test("OutputTail.lines has of a line that was overwritten what it was in the end", () => {
  assertEquals(tailOf("10%\r20%\r\n|\x1b[1G/\x1b[2K\x1b[1Gdone").lines, [
    "20%",
    "done",
  ]);
});

Deno.test("OutputTail.lastLine is undefined if nothing was printed", () => {
  assertEquals(tailOf("").lastLine, undefined);
  assertEquals(tailOf("\n\n").lastLine, undefined);
  assertEquals(tailOf("a\nb\n\n").lastLine, "b");
});
