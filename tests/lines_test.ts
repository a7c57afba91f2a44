// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The protocol's lines, and text that is made safe to show. */

import {
  assert,
  assertEquals,
  assertLessOrEqual,
  unreachable,
} from "@std/assert";
import fc from "npm:fast-check@4.11.0";
import {
  describe,
  encodeAbort,
  encodeBarrier,
  LineReader,
  type Message,
  NOTE_MAX,
  parseLine,
  printable,
  REASON_MAX,
  shown,
  toLine,
} from "../src/barrier/lines.ts";
import { pieces } from "./_helpers/pieces.ts";

const encoder = new TextEncoder();

Deno.test("LineReader reads the same, split anywhere", () => {
  const stream = encoder.encode(
    "\n+nöte\r\n\r\n+\nabort why\n",
  );
  for (let length = 1; length <= stream.length; length++) {
    const messages: Message[] = [];
    const reader = new LineReader(false);
    for (const piece of pieces(stream, [length])) {
      reader.read(piece, (message) => messages.push(message) > 0);
    }
    assertEquals(messages, [
      { kind: "barrier" },
      { kind: "barrier", note: "nöte" },
      { kind: "barrier" },
      { kind: "barrier", note: "" },
      { kind: "abort", reason: "why" },
    ]);
  }
});

Deno.test("LineReader reads nothing more once it has to stop", () => {
  const messages: Message[] = [];
  new LineReader(false).read(encoder.encode("+one\n+two\n\n"), (message) => {
    messages.push(message);
    return messages.length < 2;
  });
  assertEquals(messages, [
    { kind: "barrier", note: "one" },
    { kind: "barrier", note: "two" },
  ]);
});

Deno.test("LineReader starts anew after a line that was too long", () => {
  const messages: Message[] = [];
  const reader = new LineReader(true);
  for (let i = 0; i < 1_000; i++) {
    reader.read(new Uint8Array(1_000).fill(0x78), () => unreachable());
  }
  reader.read(
    encoder.encode("x\nab\n"),
    (message) => messages.push(message) > 0,
  );
  assertEquals(messages, [
    { kind: "barrier", note: "x".repeat(NOTE_MAX) },
    { kind: "barrier", note: "ab" },
  ]);
});

/** Text with what is not printable in it. */
const text: fc.Arbitrary<string> = fc.string({
  unit: fc.oneof(
    fc.constantFrom(..."ab \u00e9\u20ac\u{1f642}\n\r\t\0\x1b[\x9b\x85\u202e"),
    fc.constantFrom("\ud800", "\udfff", "\x1b[31m", "\u200f", "\ufeff"),
  ),
  size: "medium",
});

const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

Deno.test("toLine() makes one printable line that fits, of any text", () => {
  fc.assert(fc.property(text, fc.nat({ max: 200 }), (text, size) => {
    const line = toLine(text, size);
    assert(!UNPRINTABLE.test(line));
    assert(line.isWellFormed());
    assertLessOrEqual(encoder.encode(line).length, size);
    assertEquals(toLine(line, size), line);
  }));
});

Deno.test("printable() leaves printable text alone, and escapes the rest", () => {
  fc.assert(fc.property(text, (text) => {
    const shown = printable(text.toWellFormed());
    assert(!UNPRINTABLE.test(shown));
    assertEquals(printable(shown), shown);
    if (!UNPRINTABLE.test(text)) assertEquals(shown, text.toWellFormed());
  }));
});

Deno.test("parseLine() reads what encodeBarrier() and encodeAbort() write", () => {
  fc.assert(fc.property(text, (text) => {
    const note = toLine(text, NOTE_MAX);
    const reason = toLine(text, REASON_MAX);
    assertEquals(parseLine(encodeBarrier(note).subarray(0, -1), false), {
      kind: "barrier",
      note,
    });
    assertEquals(
      parseLine(encodeAbort(reason).subarray(0, -1), false),
      reason === "" ? { kind: "abort" } : { kind: "abort", reason },
    );
  }));
});

Deno.test("describe() and shown() describe any value on one line", () => {
  for (
    const [value, described, inError] of [
      ["a\tb", "a\tb", String.raw`"a\tb"`],
      ["\u202e", "\u202e", String.raw`"\u{202e}"`],
      ["x".repeat(65), "x".repeat(65), `"${"x".repeat(64)}..."`],
      [new Error("why"), "why", "why"],
      [new RangeError(), "RangeError", "RangeError"],
      [{ a: [1] }, '{"a":[1]}', '{"a":[1]}'],
      [undefined, "undefined", "undefined"],
      [new Map(), "{}", "{}"],
      [Object.create(null), "a value of type object", "a value of type object"],
    ] as const
  ) {
    assertEquals(describe(value), described);
    assertEquals(shown(value), inError);
  }
});
