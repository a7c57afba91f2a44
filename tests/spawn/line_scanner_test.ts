// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.11.0";
import { NOTE_MAX, toLine } from "../../src/barrier/lines.ts";
import { LineScanner } from "../../src/spawn/line_scanner.ts";
import { pieces } from "../_helpers/pieces.ts";

const encoder = new TextEncoder();

/** The notes of the lines that match, with the output cut as the lengths say. */
function scan(
  output: string,
  pattern = /.*/,
  lengths: readonly number[] = [],
): (string | undefined)[] {
  const scanner = new LineScanner(pattern);
  const notes: (string | undefined)[] = [];
  for (const piece of pieces(encoder.encode(output), lengths)) {
    for (const message of scanner.read(piece)) {
      if (message.kind !== "barrier") throw new Error(message.kind);
      notes.push(message.note);
    }
  }
  return notes;
}

/** The lines of an output, by a rule that looks at all of it. */
function linesOf(output: string): string[] {
  // deno-lint-ignore no-control-regex -- these are what ends a line
  const LINES = /([^]*?)(\n|\r|\x1b\[1G|\x1b\[2K|\x1b\[K)/g;
  const lines: string[] = [];
  let before = "\n";
  for (const [, line, end] of output.matchAll(LINES)) {
    if (line !== "" || (end === "\n" && before === "\n")) {
      lines.push(toLine(line!.slice(0, 4_096), NOTE_MAX));
    }
    before = end!;
  }
  return lines;
}

Deno.test("LineScanner.read() finds the same lines wherever the output is cut", () => {
  const part = fc.oneof(
    fc.constantFrom("\n", "\r", "\r\n", "\x1b[1G", "\x1b[2K", "\x1b[K"),
    fc.constantFrom("\x1b", "\x1b[", "\x1b[1", "\x1b[32m", "1G", "\t", "K"),
    fc.constantFrom("ready", "port 8080", "nöte", "🙂"),
  );
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 20 }).map((parts) => parts.join("")),
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 }),
      (output, lengths) => {
        assertEquals(scan(output, /.*/, lengths), linesOf(output));
        assertEquals(scan(output), linesOf(output));
      },
    ),
    { numRuns: 5_000 },
  );
});

for (
  const [what, output, notes] of [
    ["a line", "ready\n", ["ready"]],
    ["no half line", "ready", []],
    ["an empty line", "\n\n", ["", ""]],
    ["CR LF as one end", "a\r\nb\r\n", ["a", "b"]],
    ["what CR overwrites", "10%\r20%\r\n", ["10%", "20%"]],
    ["nothing before a CR", "\r\r\n\n", [""]],
    ["what ESC[1G overwrites", "\x1b[1G10%\x1b[1G20%\n", ["10%", "20%"]],
    ["what ESC[2K erases", "10%\x1b[2K\x1b[1G20%\n", ["10%", "20%"]],
    ["what ESC[K erases", "up\x1b[K\r\n", ["up"]],
    ["a line without its colors", "\x1b[32mre\x1b[1mady\x1b[0m\n", ["ready"]],
    ["a tab as a space", "in\t5 ms\n", ["in 5 ms"]],
    ["what is not UTF-8", "\ud800\n", ["\ufffd"]],
    ["the end of a long line no more", `${"x".repeat(4_096)}y\n`, [
      "x".repeat(4_095),
    ]],
    ["what ends a long line", `${"x".repeat(6_000)}\x1b[2Kready\n`, [
      "x".repeat(4_095),
      "ready",
    ]],
  ] as const
) {
  Deno.test(`LineScanner.read() finds ${what}`, () => {
    for (const lengths of [[], [1], [2], [3, 1], [5_000, 1_001]]) {
      assertEquals(scan(output, /.*/, lengths), [...notes]);
    }
  });
}

Deno.test("LineScanner.read() returns the first group as the note, or the line", () => {
  assertEquals(scan("port 80\n", /port (\d+)/), ["80"]);
  assertEquals(scan("port 80\n", /port \d+/), ["port 80"]);
  assertEquals(scan("port 80\n", /port (x)?/), ["port 80"]);
});

Deno.test("LineScanner.read() finds each line with a pattern that remembers where it was", () => {
  for (const flags of ["g", "y", "gy"]) {
    const pattern = new RegExp("ready", flags);
    pattern.lastIndex = 3;
    assertEquals(scan("ready\nready\n", pattern), ["ready", "ready"]);
    assertEquals(pattern.lastIndex, 3);
  }
});

Deno.test("LineScanner.read() looks at 4,096 characters of a line, wherever it is cut", () => {
  const line = `${"x".repeat(4_092)}\x1b[1mend`;
  for (const lengths of [[], [4_000], [4_095], [1]]) {
    assertEquals(scan(`${line}\n`, /x(e?n?d?)$/, lengths), [""]);
  }
  assertEquals(scan(`${line.slice(1)}\n`, /x(e?n?d?)$/, [4_000]), ["e"]);
});

Deno.test("LineScanner.read() returns a note that can be sent", () => {
  const notes = scan(`${"🙂".repeat(3_000)}\na\u202eb\n`);
  assertEquals(notes, ["🙂".repeat(1_023), "a\\u{202e}b"]);
});
