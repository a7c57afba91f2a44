// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The bytes that a barrier sends and reads. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertStrictEquals,
} from "@std/assert";
import fc from "npm:fast-check@4.11.0";
import { BarrierAbortedError } from "../barrier.ts";
import {
  failure,
  flags,
  HUNG_UP,
  outcomes,
  takeAll,
  WAITS,
} from "./_helpers/barriers.ts";
import { json } from "./_helpers/scripts.ts";
import { setUp } from "./_helpers/test_channel.ts";

const encoder = new TextEncoder();

/** All ways to cut bytes in two, and each byte alone. */
function* cuts(text: string | Uint8Array): Generator<Uint8Array[]> {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  // Of a long line, only what is near its beginning or its end matters.
  for (let i = 0; i <= bytes.length; i++) {
    if (i > 100 && i < bytes.length - 100 && i % 997 > 0) continue;
    yield [bytes.subarray(0, i), bytes.subarray(i)];
  }
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
}

interface Reading {
  /** How many barriers there are to take. */
  count?: number;
  note?: string;
  /** Why the barrier is aborted. */
  reason?: string;
}

function testReading(
  what: string,
  text: string | Uint8Array,
  { count = 0, note, reason }: Reading,
  acceptsText = false,
): void {
  Deno.test(`Barrier reads ${what}, cut anywhere`, async () => {
    for (const chunks of cuts(text)) {
      const { barrier, channel } = setUp({}, acceptsText);
      for (const chunk of chunks) channel.deliver(chunk);
      assertEquals(channel.sent, "");
      assertFalse(barrier.iAborted);
      assertEquals(barrier.theyAborted, reason !== undefined);
      if (reason !== undefined) assertEquals(failure(barrier).message, reason);
      assertEquals(await takeAll(barrier), count);
      assertEquals(barrier.note, note);
    }
  });
}

testReading("an empty line as a barrier", "\n", { count: 1 });
testReading("a plus sign and text as a note", "+two wörds 🙂\n", {
  count: 1,
  note: "two wörds 🙂",
});
testReading("a plus sign alone as an empty note", "+\n", {
  count: 1,
  note: "",
});
testReading("all after the first plus sign as the note", "+ +abort\n", {
  count: 1,
  note: " +abort",
});
testReading("a byte order mark as a part of the note", "+\ufeffnote\n", {
  count: 1,
  note: "\ufeffnote",
});
testReading("'abort' as an abortion", "abort\n", {
  reason: "Barrier aborted by the peer",
});
testReading("'abort' and a space as an abortion", "abort \n", {
  reason: "Barrier aborted by the peer",
});
testReading("text after 'abort' as a reason", "abort no löck: /run/x\n", {
  reason: "Barrier aborted by the peer: no löck: /run/x",
});
testReading("lines that end in CR LF", "\r\n+note\r\n\r\n", {
  count: 3,
  note: "note",
});
testReading("an abortion that ends in CR LF", "abort why\r\n", {
  reason: "Barrier aborted by the peer: why",
});
testReading("several lines one by one", "\n\n+note\n\n", {
  count: 4,
  note: "note",
});
testReading("nothing after an abortion", "abort why\n\n+note\nabort\nhello\n", {
  reason: "Barrier aborted by the peer: why",
});
testReading("an abortion as the end of what came before", "\n+note\nabort\n", {
  reason: "Barrier aborted by the peer",
});
testReading("nothing of half a line", "\nabor", { count: 1 });

testReading(
  "other text as a note",
  "unix:path=/tmp/bus,guid=0\n",
  { count: 1, note: "unix:path=/tmp/bus,guid=0" },
  true,
);
testReading(
  "text that only begins like an abortion",
  "abortion\n",
  { count: 1, note: "abortion" },
  true,
);
testReading(
  "barriers and notes on a channel of text",
  "\n+note\n",
  { count: 2, note: "note" },
  true,
);
testReading(
  "an abortion on a channel of text",
  "abort why\n",
  { reason: "Barrier aborted by the peer: why" },
  true,
);

function testViolation(
  what: string,
  line: string | Uint8Array,
  shown: string,
  why: string,
  acceptsText = false,
): void {
  const where = acceptsText ? " on a channel of text" : "";
  Deno.test(`Barrier aborts both sides, quoting ${what}${where}`, async () => {
    const { barrier, channel } = setUp({ barriers: 1 }, acceptsText);
    const waits = WAITS.map((wait) => barrier[wait]());
    channel.sent = "";
    channel.deliver(line);
    channel.deliver("\n+later\nhello\n");

    const message = `Cannot read "${shown}" from the peer: ${why}`;
    const error = failure(barrier);
    assertEquals(error.message, message);
    assertEquals(error.side, "peer");
    assert(barrier.weAborted);
    assertEquals(await outcomes(...waits), Array(5).fill(false));
    assertStrictEquals(barrier.note, undefined);

    assertEquals(channel.sent, `abort ${message}\n`);
    const peer = setUp();
    peer.channel.deliver(channel.sent);
    assert(peer.barrier.theyAborted);
    assertEquals(
      failure(peer.barrier).message,
      `Barrier aborted by the peer: ${message}`,
    );
  });
}

for (const acceptsText of [false, true]) {
  for (
    const [what, bytes, shown] of [
      ["a note in Latin-1", [0x2b, 0x6f, 0xff, 0xfe], String.raw`+o\xff\xfe`],
      ["half a character", [0x2b, 0xe2, 0x82], String.raw`+\xe2\x82`],
      [
        "half a surrogate pair",
        [0x2b, 0xed, 0xa0, 0x80],
        String.raw`+\xed\xa0\x80`,
      ],
    ] as const
  ) {
    const line = Uint8Array.of(...bytes, 0x0a);
    testViolation(what, line, shown, "it is not UTF-8", acceptsText);
  }
  for (
    const [what, line, shown] of [
      ["a tab", "+one\ttwo\n", String.raw`+one\x09two`],
      ["a carriage return within", "+a\rb\n", String.raw`+a\x0db`],
      ["a null character", "+\0\n", String.raw`+\x00`],
      ["a delete character", "+\x7f\n", String.raw`+\x7f`],
      ["a control character beyond ASCII", "+\x85\n", String.raw`+\xc2\x85`],
      ["an escape in a reason", "abort \x1b\n", String.raw`abort \x1b`],
    ] as const
  ) {
    testViolation(what, line, shown, "it has control characters", acceptsText);
  }
  testViolation(
    "a line of 4,097 bytes",
    `+${"x".repeat(4_096)}\n`,
    `+${"x".repeat(63)}...`,
    "it is over 4096 bytes",
    acceptsText,
  );
  testViolation(
    "an abort of 4,097 bytes",
    `abort ${"x".repeat(4_091)}\n`,
    `abort ${"x".repeat(58)}...`,
    "it is over 4096 bytes",
    acceptsText,
  );
}
testViolation(
  "text in Latin-1",
  Uint8Array.of(0xff, 0x0a),
  "\\xff",
  "it is not UTF-8",
);
testViolation(
  "text with a tab",
  "a\tb\n",
  "a\\x09b",
  "it has control characters",
);
testViolation(
  "text of 4,097 bytes",
  `${"x".repeat(4_097)}\n`,
  `${"x".repeat(64)}...`,
  "it is over 4096 bytes",
);

/** Text that is not part of the protocol, and the note that it is taken for. */
const TEXTS: [what: string, text: string | number[], note: string][] = [
  ["tabs", "a\tb\t\tc", "a b  c"],
  [
    "colors",
    "\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x1b\\",
    "red link",
  ],
  ["null characters", "\0ready\0", "ready"],
  ["Latin-1", [0x63, 0x61, 0x66, 0xe9, 0x20, 0x6f, 0x6b], "caf\ufffd ok"],
  ["half a character", [0x6f, 0x6b, 0xe2, 0x82], "ok\ufffd"],
  [
    "a carriage return where it is cut",
    `\0\0\0${"x".repeat(4_094)}\rx`,
    "x".repeat(4_094),
  ],
  ["control characters beyond ASCII", "a\x85\x9bb", "ab"],
  ["a carriage return within", "10%\r20%", "10% 20%"],
  ["marks of writing direction", "\u202egnp.exe", "\\u{202e}gnp.exe"],
  ["nothing but colors", "\x1b[0m", ""],
  ["a byte order mark", "\ufeffabort", "\ufeffabort"],
  ["the beginning of an abort", "abor", "abor"],
  ["a word that begins like an abort", "abort\tnow", "abort now"],
  ["4,095 bytes", "x".repeat(4_095), "x".repeat(4_095)],
  ["4,096 bytes", "x".repeat(4_096), "x".repeat(4_095)],
  ["10,000 bytes", "x".repeat(10_000), "x".repeat(4_095)],
  [
    "a character that is cut in two",
    "x".repeat(4_093) + "\u20ac",
    "x".repeat(4_093),
  ],
  [
    "many characters to replace",
    Array(4_000).fill(0xff),
    "\ufffd".repeat(1_365),
  ],
  [
    "many marks of writing direction",
    "\u200e".repeat(1_000),
    "\\u{200e}".repeat(511) + "\\u{200e",
  ],
];

for (const [what, text, note] of TEXTS) {
  testReading(
    `text with ${what} as a note`,
    typeof text === "string" ? `${text}\n\n` : Uint8Array.of(...text, 10, 10),
    { count: 2, note },
    true,
  );
}

for (
  const [what, text, shown] of [
    [
      "text",
      'say "hello" \\ wörld',
      String.raw`say \"hello\" \\ w\xc3\xb6rld`,
    ],
    ["text that only begins like an abortion", "abortion", "abortion"],
    ["a byte order mark", "\ufeffabort", String.raw`\xef\xbb\xbfabort`],
    ["text of 64 bytes", "x".repeat(64), "x".repeat(64)],
    ["text of 65 bytes", "x".repeat(65), "x".repeat(64) + "..."],
  ] as const
) {
  testViolation(
    what,
    `${text}\n`,
    shown,
    "it is neither a barrier nor an abort",
  );
}

for (const end of ["abort\n", "\0\n"]) {
  Deno.test(`Barrier gives nobody what arrives together with ${json(end)}`, async () => {
    for (const wait of WAITS) {
      const { barrier, channel } = setUp({ barriers: 1 });
      const pending = barrier[wait]();
      const step = barrier[Symbol.asyncIterator]().next();
      channel.deliver(`\n+note\n${end}`);
      assertEquals(
        await outcomes(pending),
        [wait === "waitAbortion" && end.startsWith("abort")],
      );
      assertEquals(await step, { done: true, value: undefined });
      assertStrictEquals(barrier.note, undefined);
    }
  });
}

Deno.test("Barrier that has aborted sends nothing when it reads a violation", () => {
  const { barrier, channel } = setUp();
  barrier.abort("first");
  channel.deliver("hello\n");
  assertEquals(channel.sent, "abort first\n");
  assert(barrier.weAborted);
  assertEquals(failure(barrier).message, "Barrier aborted by this side: first");
});

Deno.test("Barrier reads a line of 4,096 bytes", async () => {
  const line = `+${"x".repeat(4_095)}\n`;
  for (const cut of [0, 1, 4_095, 4_096]) {
    const { barrier, channel } = setUp();
    channel.deliver(line.slice(0, cut));
    channel.deliver(line.slice(cut));
    channel.deliver(line);
    assertEquals(await takeAll(barrier), 2);
    assertEquals(barrier.note, "x".repeat(4_095));
  }
});

Deno.test("Barrier aborts at the first byte too many of a line of a megabyte", () => {
  const piece = new Uint8Array(1_000).fill(0x78);
  const { barrier, channel } = setUp();
  for (let length = 0; length < 1_000_000; length += piece.length) {
    assertEquals(barrier.isAborted, length > 4_096);
    channel.deliver(piece);
  }
  channel.deliver("\n");
  const message = `Cannot read "${
    "x".repeat(64)
  }..." from the peer: it is over 4096 bytes`;
  assertEquals(failure(barrier).message, message);
  assertEquals(channel.sent, `abort ${message}\n`);
});

Deno.test("Barrier does not keep the bytes that it is given", async () => {
  const { barrier, channel } = setUp();
  const bytes = encoder.encode("+no");
  channel.deliver(bytes);
  bytes.fill(0);
  channel.deliver("te\n");
  assert(await barrier.waitNext());
  assertEquals(barrier.note, "note");
});

Deno.test("Barrier drops half a line before a hang-up", async () => {
  for (const half of ["abort", "+note", "hello", "\xff"]) {
    const { barrier, channel } = setUp();
    channel.deliver(`\n${half}`);
    channel.hangUp();
    assertEquals(
      failure(barrier).message,
      HUNG_UP,
    );
    assertEquals(await outcomes(barrier.waitNext()), [true]);
    assertFalse(barrier.isAborted);
    assertStrictEquals(barrier.note, undefined);
    assertEquals(channel.sent, "");
  }
});

Deno.test("MessageReceiver.deliver() delivers a batch as one arrival", async () => {
  const { barrier, channel } = setUp();
  const pending = [barrier.waitNext(), barrier.waitNext()];
  channel.receiver.deliver([
    { kind: "barrier", note: "one" },
    { kind: "barrier", note: "two" },
  ]);
  assertEquals(await outcomes(...pending), [true, true]);
  assertEquals(barrier.note, "two");
  assertEquals(await outcomes(barrier.waitNext()), ["pending"]);
});

Deno.test("MessageReceiver.deliver() delivers nothing after an abort or a violation", () => {
  for (
    const [message, expected] of [
      [{ kind: "abort", reason: "full" }, "Barrier aborted by the peer: full"],
      [{ kind: "violation", why: "Cannot read" }, "Cannot read"],
    ] as const
  ) {
    const { barrier, channel } = setUp();
    channel.receiver.deliver([
      { kind: "barrier" },
      message,
      { kind: "abort", reason: "too late" },
    ]);
    assertEquals(failure(barrier).message, expected);
    assert(barrier.theyAborted);
  }
});

Deno.test("MessageReceiver.deliver() leaves an unfinished line of receive() alone", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("+whole");
  channel.receiver.deliver([{ kind: "barrier", note: "between" }]);
  channel.deliver(" line\n");
  channel.hangUp();
  assertEquals(await Array.fromAsync(barrier), ["between", "whole line"]);
});

Deno.test("Barrier ignores a second hang-up", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("\n");
  const error = new BarrierAbortedError("first", {
    kind: "closed",
    side: "peer",
  });
  channel.hangUp(error);
  channel.hangUp(
    new BarrierAbortedError("second", { kind: "closed", side: "peer" }),
  );
  assertStrictEquals(barrier.signal.reason, error);
  assertEquals(await outcomes(barrier.waitNext()), [true]);
});

Deno.test("Barrier counts a flood of 100 million barriers", async () => {
  const { barrier, channel } = setUp({ barriers: 100_000_000 });
  const chunk = new Uint8Array(1_000_000).fill(0x0a);
  for (let i = 0; i < 99; i++) channel.deliver(chunk);
  channel.deliver(chunk.subarray(1));
  const sync = barrier.sync();
  assertEquals(await outcomes(sync), ["pending"]);
  channel.deliver("\n");
  assertEquals(await outcomes(sync), [true]);
  assertEquals(await outcomes(barrier.placeAndSync()), ["pending"]);
});

/** Cuts bytes at positions that may lie beyond their end. */
function cutAt(bytes: Uint8Array, positions: number[]): Uint8Array[] {
  const ends = positions.map((position) => position % (bytes.length + 1));
  ends.push(bytes.length);
  let start = 0;
  return ends.toSorted((a, b) => a - b).map((end) =>
    bytes.subarray(start, start = end)
  );
}

Deno.test("Barrier receives any barriers and notes as they were sent, cut anywhere", async () => {
  const character = fc.integer({ min: 0x20, max: 0x10ffff })
    .map((code) => String.fromCodePoint(code))
    .filter((text) =>
      text.isWellFormed() &&
      !/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u.test(text)
    );
  const note = fc.string({ unit: character, size: "medium" });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(note, { nil: undefined })),
      fc.array(fc.nat()),
      async (notes, positions) => {
        const sender = setUp();
        for (const note of notes) assert(sender.barrier.place(note));
        const { barrier, channel } = setUp();
        let lines = 0;
        for (
          const chunk of cutAt(encoder.encode(sender.channel.sent), positions)
        ) {
          channel.deliver(chunk);
          const arrived = chunk.filter((byte) => byte === 0x0a).length;
          if (arrived === 0) continue;
          lines += arrived;
          assert(await barrier.waitNext());
          assertEquals(
            barrier.note,
            notes.slice(lines - arrived, lines).findLast((note) =>
              note !== undefined
            ),
          );
        }
        assertEquals(await takeAll(barrier), notes.length);
      },
    ),
  );
});

Deno.test("Barrier is unharmed by any bytes, or aborts on both sides", async () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom(
      "\n",
      "+",
      "abort",
      " ",
      "hello",
      "\ufeff",
      "x".repeat(2_048),
    ).map((text) => encoder.encode(text)),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { size: "medium" }),
      fc.array(fc.nat()),
      fc.boolean(),
      async (pieces, positions, acceptsText) => {
        const bytes = await new Blob(pieces).bytes();
        const whole = setUp({}, acceptsText);
        whole.channel.deliver(bytes);
        const { barrier, channel } = setUp({}, acceptsText);
        for (const chunk of cutAt(bytes, positions)) channel.deliver(chunk);

        assertEquals(channel.sent, whole.channel.sent);
        assertEquals(flags(barrier), flags(whole.barrier));
        if (!barrier.isAborted) {
          assertEquals(channel.sent, "");
          assertFalse(barrier.signal.aborted);
          return;
        }
        const { message } = failure(barrier);
        assertEquals(message, failure(whole.barrier).message);
        assert(barrier.theyAborted);
        if (!barrier.iAborted) {
          assert(message.startsWith("Barrier aborted by the peer"));
          assertEquals(channel.sent, "");
          return;
        }
        const peer = setUp();
        peer.channel.deliver(channel.sent);
        assert(peer.barrier.theyAborted);
        assertFalse(peer.barrier.iAborted);
        assertEquals(
          failure(peer.barrier).message,
          `Barrier aborted by the peer: ${message}`,
        );
      },
    ),
    { numRuns: 300 },
  );
});
