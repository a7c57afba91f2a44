// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The protocol's lines, and text that is made safe to show. */

import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertThrows,
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
} from "../../src/barrier/lines.ts";
import { pieces } from "../_helpers/pieces.ts";

const encoder = new TextEncoder();

Deno.test("LineReader reads the same messages wherever the stream is cut", () => {
  const line = fc.oneof(
    fc.constantFrom(
      "",
      "\r",
      "+",
      "+nöte\r",
      "+🙂",
      "abort",
      "abort why",
      "text",
    ),
    fc.nat({ max: 3 }).map((n) => `+${"x".repeat(NOTE_MAX - 1 + n)}`),
  );
  const cuts = fc.oneof(
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
    fc.constantFrom([4_095], [4_096], [4_097], [4_098]),
  );
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 6 }),
      cuts,
      fc.boolean(),
      (lines, lengths, acceptsText) => {
        const reader = new LineReader(acceptsText);
        const messages: Message[] = [];
        const stream = encoder.encode(
          lines.map((line) => `${line}\n`).join(""),
        );
        // A barrier reads nothing after a violation.
        const onMessage = (message: Message) => {
          messages.push(message);
          return message.kind !== "violation";
        };
        for (const piece of pieces(stream, lengths)) {
          reader.read(piece, onMessage);
          if (messages.at(-1)?.kind === "violation") break;
        }
        const whole = lines.map((line) =>
          parseLine(encoder.encode(line), acceptsText)
        );
        const end = whole.findIndex(({ kind }) => kind === "violation");
        const read = end < 0 ? whole : whole.slice(0, end + 1);
        assertEquals(messages.map(kindAndText), read.map(kindAndText));
      },
    ),
  );
});

function kindAndText(message: Message): unknown[] {
  if (message.kind === "barrier") return ["barrier", message.note];
  return [message.kind, message.kind === "abort" ? message.reason : undefined];
}

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

Deno.test("LineReader reports a line that is too long before it ends", () => {
  const kinds = (line: string, acceptsText: boolean) => {
    const kinds: string[] = [];
    new LineReader(acceptsText).read(
      encoder.encode(line),
      ({ kind }) => kinds.push(kind) > 0,
    );
    return kinds;
  };
  const longest = `+${"x".repeat(NOTE_MAX)}`;
  assertEquals(kinds(longest, true), []);
  assertEquals(kinds(`${longest}\r`, true), []); // LF may follow
  assertEquals(kinds(`${longest}x`, true), ["violation"]);
  const text = "x".repeat(10_000);
  assertEquals(kinds(text, true), []);
  assertEquals(kinds(text, false), ["violation"]);
});

Deno.test("parseLine() reads text of other programs where that is accepted", () => {
  const note = (line: string | Uint8Array) => {
    const bytes = typeof line === "string" ? encoder.encode(line) : line;
    const message = parseLine(bytes, true);
    return message.kind === "barrier" ? message.note : message.kind;
  };
  assertEquals(note("+note"), "note");
  assertEquals(note("abort"), "abort");
  assertEquals(note("abort why"), "abort");
  assertEquals(note("aborted\r"), "aborted");
  assertEquals(note("abor"), "abor");
  assertEquals(note("\x1b[31mready\x1b[0m\tnow"), "ready now");
  assertEquals(note(Uint8Array.of(0x61, 0xff)), "a\ufffd");
  // The last character is cut in two.
  assertEquals(note(`\x1b[0m${"ü".repeat(3_000)}`), "ü".repeat(2_046));
});

Deno.test("parseLine() quotes a violation, cut short and escaped", () => {
  for (
    const [line, quoted, why] of [
      ["hello", '"hello"', "it is neither a barrier nor an abort"],
      ['+\x07"\\', String.raw`"+\x07\"\\"`, "it has control characters"],
      ["+\xff", String.raw`"+\xff"`, "it is not UTF-8"],
      [
        "x".repeat(4_097),
        `"${"x".repeat(64)}..."`,
        "it is over 4096 bytes",
      ],
    ] as const
  ) {
    const bytes = Uint8Array.from(line, (char) => char.charCodeAt(0));
    assertEquals(parseLine(bytes, false), {
      kind: "violation",
      why: `Cannot read ${quoted} from the peer: ${why}`,
    });
  }
});

Deno.test("encodeBarrier() throws for a note that is not one line of text, or too long", () => {
  assertEquals(encodeBarrier("x".repeat(NOTE_MAX)).length, NOTE_MAX + 2);
  assertThrows(
    () => encodeBarrier("ü".repeat(NOTE_MAX / 2 + 1)),
    RangeError,
    "Cannot send note: it must be at most 4095 bytes, received 4096",
  );
  for (const note of ["a\nb", "\u200f", "\u2028", "\ud800", 7 as never]) {
    assertThrows(() => encodeBarrier(note), TypeError, "Cannot send note: it");
  }
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

Deno.test("toLine() removes colors, and makes spaces of tabs and line ends", () => {
  assertEquals(
    toLine("\x1b[1;31mred\x1b[0m\ton\nblack\x07", 100),
    "red on black",
  );
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
