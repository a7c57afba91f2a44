// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * A peer that sends whatever it likes, and a model of whoever reads it. The model
 * was written from `PROTOCOL.md` alone, and is as simple as can be: it keeps all
 * that has arrived, and reads it from the beginning each time.
 *
 * @module
 */

import { isUtf8 } from "node:buffer";
import fc from "npm:fast-check@4.11.0";
import type { Barrier } from "../../barrier.ts";
import { StdoutSplitter } from "../../src/spawn/stdout_splitter.ts";
import { HUNG_UP } from "./barriers.ts";
import { flushMicrotasks } from "./event_loop.ts";
import { shell } from "./scripts.ts";
import { TempDir } from "./temp_dir.ts";
import { setUp } from "./test_channel.ts";

/** Where lines come from, which decides what they mean. */
export const SOURCES = ["fd", "over", "stdout"] as const;

export type Source = typeof SOURCES[number];

/** Bytes, one a character, as these are easy to search and to show. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** What a line means, and `undefined` for a violation. */
type Meaning = { note: string | undefined } | { reason: string } | undefined;

/** A side that reads a stream. */
class Reader {
  readonly #source: Source;
  #bytes = "";
  /** The barriers before the end of it all, each by its note. */
  all: (string | undefined)[] = [];
  /** Those that it took. */
  taken: (string | undefined)[] = [];
  /** Why the peer aborted. */
  reason: string | undefined;
  hasViolation = false;
  hungUp = false;
  /** What was output and not a line of the protocol, on a child's stdout. */
  output = "";

  constructor(source: Source) {
    this.#source = source;
  }

  get isOver(): boolean {
    return this.reason !== undefined || this.hasViolation;
  }

  /** Reads on. It takes each barrier as soon as it has arrived. */
  read(bytes: string): void {
    this.#bytes += bytes;
    const meanings = this.#source === "stdout"
      ? this.#readStdout()
      : this.#readLines();
    if (this.isOver) return;
    const ends = meanings.findIndex((meaning) =>
      !meaning || !("note" in meaning)
    );
    const end = meanings[ends];
    this.all = meanings.slice(0, ends < 0 ? undefined : ends)
      .map((meaning) => (meaning as { note: string }).note);
    // What arrived together with the end of it all is void.
    if (ends < 0) this.taken = this.all;
    else if (end) this.reason = (end as { reason: string }).reason;
    else this.hasViolation = true;
  }

  hangUp(): void {
    this.hungUp = true;
    if (this.#source === "stdout") {
      this.output = this.#bytes.replace(RECORDS, keep);
    }
  }

  #readLines(): Meaning[] {
    const lines = this.#bytes.split("\n");
    const rest = lines.pop()!;
    const meanings = lines.map((line) => this.#meaning(line));
    // A line that is too long already will not get any shorter.
    if (rest.replace(/\r$/, "").length > 4096) {
      const isNote = this.#source === "fd" && isText(rest);
      if (!isNote) meanings.push(undefined);
    }
    return meanings;
  }

  #readStdout(): Meaning[] {
    const records = Array.from(
      this.#bytes.matchAll(RECORDS),
      ([, line]) => line!,
    );
    return records.map((line) => this.#meaning(line)).filter((meaning) =>
      meaning
    );
  }

  #meaning(line: string): Meaning {
    return meaningOf(line, this.#source === "fd");
  }
}

/** What stands between a record separator and an end of line. */
// deno-lint-ignore no-control-regex -- these are the bytes
const RECORDS = /\x1e([^\x1e\n]*)\n/g;

/** Leaves what only looks like a line of the protocol. */
function keep(record: string, line: string): string {
  return meaningOf(line, false) ? "" : record;
}

function meaningOf(line: string, acceptsText: boolean): Meaning {
  const content = line.replace(/\r$/, "");
  const bytes = bytesOf(content);
  if (acceptsText && isText(content)) return { note: noteOf(bytes) };
  if (bytes.length > 4096 || !isUtf8(bytes)) return undefined;
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  if (/\p{Cc}/u.test(text)) return undefined;
  const shown = escaped(text);
  if (text === "") return { note: undefined };
  if (text === "abort") return { reason: "" };
  if (text.startsWith("abort ")) return { reason: shown.slice(6) };
  if (text.startsWith("+")) return { note: shown.slice(1) };
  return undefined;
}

/** Whether a line is not part of the protocol. */
function isText(line: string): boolean {
  return line !== "" && !/^(\+|abort$|abort )/.test(line);
}

/** The note that text which is not part of the protocol is taken for. */
function noteOf(bytes: Uint8Array): string {
  const text = new TextDecoder("utf-8", { ignoreBOM: true })
    .decode(bytes.subarray(0, 4097), { stream: bytes.length > 4096 });
  const plain = text
    // deno-lint-ignore no-control-regex -- these are what is removed
    .replace(/\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)/g, "")
    // deno-lint-ignore no-control-regex -- these are what is removed
    .replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])/g, "")
    .replace(/[\t-\r]/g, " ")
    .replace(/\p{Cc}/gu, "");
  const note = new TextEncoder().encode(escaped(plain)).subarray(0, 4095);
  return new TextDecoder("utf-8", { ignoreBOM: true })
    .decode(note, { stream: true });
}

/** Text as it is shown, with the characters escaped that change what is next. */
function escaped(text: string): string {
  return text.replace(
    /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u{${char.charCodeAt(0).toString(16)}}`,
  );
}

/** Lines, good ones and bad ones. */
const line: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom("", "+note", "+", "abort", "abort no"),
  },
  fc.constantFrom("abor", "aborted", "abort\t", " ", "++", "hello", "-1", "\r"),
  fc.string({ unit: "grapheme", maxLength: 12 }).map(utf8),
  fc.string({ unit: "grapheme", maxLength: 12 }).map((note) =>
    `+${utf8(note)}`
  ),
  fc.string({ unit: "binary", maxLength: 12 }).map((why) =>
    `abort ${utf8(why)}`
  ),
  fc.constantFrom(
    "\x85",
    "\u2028",
    "\u202e",
    "\u2066",
    "\u200e",
    "\u061c",
    "\x7f",
    "\x1b[2J",
    "\ufeff",
  )
    .map((char) => `+a${utf8(char)}b`),
  // What is not UTF-8: too long a form, a surrogate, beyond Unicode, cut short.
  fc.record({
    prefix: fc.constantFrom("", "+", "abort "),
    bytes: fc.constantFrom(
      "\xc0\x80",
      "\xe0\x80\xaf",
      "\xed\xa0\x80",
      "\xf4\x90\x80\x80",
      "\xe2\x80",
      "\x9b31m",
    ),
  }).map(({ prefix, bytes }) => prefix + bytes),
  fc.record({
    prefix: fc.constantFrom("", "+", "abort ", "\x1e+"),
    length: fc.integer({ min: 4088, max: 4100 }),
  }).map(({ prefix, length }) => prefix.padEnd(length, "x")),
);

function utf8(text: string): string {
  return textOf(new TextEncoder().encode(text));
}

/** A stream of lines, of which some bytes may have been changed. */
const stream: fc.Arbitrary<string> = fc.tuple(
  fc.array(
    fc.tuple(
      fc.constantFrom("", "", "\x1e", "print"),
      line,
      fc.constantFrom("\n", "\n", "\n", "\r\n", "\r", ""),
    ).map((parts) => parts.join("")),
    { maxLength: 8 },
  ),
  fc.array(
    fc.record({
      at: fc.nat(),
      removed: fc.nat({ max: 2 }),
      added: fc.uint8Array({ maxLength: 2 }).map(textOf),
    }),
    { maxLength: 2 },
  ),
).map(([lines, changes]) => {
  let whole = lines.join("");
  for (const { at, removed, added } of changes) {
    const start = whole.length === 0 ? 0 : at % whole.length;
    whole = whole.slice(0, start) + added + whole.slice(start + removed);
  }
  return whole;
});

/** A stream as it arrives, in pieces: some of it may come byte by byte. */
const deliveries: fc.Arbitrary<string[]> = fc.tuple(
  stream,
  fc.array(fc.nat(), { maxLength: 6 }),
  fc.option(fc.nat(), { freq: 1 }),
).map(([whole, cuts, slow]) => {
  const ends = cuts.map((cut) => cut % (whole.length + 1));
  for (let i = 0; slow !== null && i < 32; i++) {
    ends.push((slow + i) % (whole.length + 1));
  }
  ends.sort((a, b) => a - b);
  return [...ends, whole.length].map((end, i) =>
    whole.slice(ends[i - 1] ?? 0, end)
  );
});

/** How many streams there are, and what determines them. */
export interface HostileOptions {
  cases: number;
  seed?: number;
}

function parameters({ cases, seed }: HostileOptions): fc.Parameters<unknown> {
  return { numRuns: cases, ...seed === undefined ? {} : { seed } };
}

/**
 * Reads random streams, split anywhere, and compares with the model after every
 * piece.
 *
 * @throws With the seed and the smallest stream that shows it, if they differ.
 */
export async function checkHostile(
  options: HostileOptions,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...SOURCES), deliveries, checkStream),
    parameters(options),
  );
}

/**
 * Has children write random streams, and compares with the model.
 *
 * @throws With the seed and the smallest stream that shows it, if they differ.
 */
export async function checkHostileChildren(
  source: "fd" | "stdout",
  options: HostileOptions,
): Promise<void> {
  await using directory = await TempDir.make();
  const file = `${directory.path}/stream`;
  const check = async (whole: string) => {
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
    expectEqual(textOf(output), reader.output);
    expectEqual(child.iAborted, reader.hasViolation);
    expectPrintable(child.signal.reason.message);
    // How many came before the end of it all depends on how they arrived.
    const expected = reader.isOver ? reader.all : reader.taken;
    expectEqual(taken, expected.slice(0, taken.length));
    if (!reader.isOver) expectEqual(taken.length, expected.length);
  };
  await fc.assert(
    fc.asyncProperty(stream, check),
    parameters(options),
  );
}

/**
 * Has children print random streams of which every line is a `readyLine`.
 *
 * @throws With the seed and the smallest stream that shows it, if a line is
 * missing or a note is more than a line that can be shown.
 */
export async function checkReadyLines(
  options: HostileOptions,
): Promise<void> {
  await using directory = await TempDir.make();
  const file = `${directory.path}/stream`;
  const check = async (whole: string) => {
    await Deno.writeFile(file, bytesOf(whole));
    const options = { readyLine: /.*/, stdout: "null" } as const;
    await using child = shell(`cat ${file}`, options);
    const notes = await Array.fromAsync(child);
    // An empty line counts as well, unless CR ends it. Half a line does not.
    const lines = whole.match(/[^\r\n]+(?:\r\n?|\n)|(?<!\r)\n/g) ?? [];
    expectEqual(notes.length, lines.length);
    for (const note of notes) {
      expectPrintable(note);
      expectEqual(new TextEncoder().encode(note).length < 4_096, true);
    }
  };
  await fc.assert(
    fc.asyncProperty(stream, check),
    parameters(options),
  );
}

async function checkStream(source: Source, pieces: string[]): Promise<void> {
  const reader = new Reader(source);
  const { barrier, channel } = setUp({}, source === "fd");
  const taken: (string | undefined)[] = [];
  const taking = (async () => {
    for await (const note of barrier) taken.push(note);
  })();
  let output = "";
  const splitter = new StdoutSplitter();
  let all = "";
  for (const piece of pieces) {
    all += piece;
    reader.read(piece);
    if (source === "stdout") {
      const split = splitter.read(bytesOf(piece));
      output += textOf(split.output);
      channel.receiver.deliver(split.messages);
    } else {
      channel.deliver(bytesOf(piece));
    }
    await flushMicrotasks();
    expectEqual(shownBy(barrier, taken), expectedBy(reader));
    if (source === "stdout") checkHeldBack(output, all);
  }
  output += textOf(splitter.end());
  channel.hangUp();
  reader.hangUp();
  await taking;
  expectEqual(shownBy(barrier, taken), expectedBy(reader));
  expectEqual(output, reader.output);
  // The error is printed as a whole, and sent to the peer.
  expectPrintable(Deno.inspect(barrier.signal.reason).replaceAll("\n", ""));
  if (!reader.hasViolation) return expectEqual(channel.sent, "");
  const peer = new Reader("over");
  peer.read(channel.sent);
  expectEqual(peer.reason, barrier.signal.reason.message);
}

/** Output that is not passed on yet begins like a line of the protocol. */
function checkHeldBack(output: string, all: string): void {
  const decided = all.replace(RECORDS, keep);
  expectEqual(decided.startsWith(output), true);
  const held = decided.slice(output.length);
  if (held === "") return;
  expectEqual(held.length <= 1 + 4_096 + 1, true); // RS, a line, CR
  expectEqual(held[0], "\x1e");
  const line = held.slice(1);
  const isBeginning = /^(\+|abort )[^\n]*$/.test(line) ||
    "abort\r".startsWith(line) || line === "\r";
  expectEqual(isBeginning && !line.includes("\x1e"), true);
}

function expectedBy(reader: Reader): unknown {
  const { taken, reason, hasViolation, hungUp, isOver } = reader;
  return {
    taken,
    iAborted: hasViolation,
    theyAborted: isOver || hungUp,
    failed: isOver || hungUp,
    why: hasViolation
      ? "violation"
      : reason === undefined
      ? hungUp ? HUNG_UP : ""
      : `Barrier aborted by the peer${reason && `: ${reason}`}`,
  };
}

function shownBy(barrier: Barrier, taken: (string | undefined)[]): unknown {
  const { iAborted, theyAborted, signal } = barrier;
  const message: string = signal.reason?.message ?? "";
  for (const text of [message, ...taken, barrier.note]) expectPrintable(text);
  return {
    taken,
    iAborted,
    theyAborted,
    failed: signal.aborted,
    why: message.startsWith("Cannot read ") ? "violation" : message,
  };
}

/** What a terminal is shown must not control it. */
function expectPrintable(text = ""): void {
  expectEqual(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u.test(text), false);
}

function expectEqual(actual: unknown, expected: unknown): void {
  // No part of it is `null`. To inspect it takes a hundred times as long.
  if (JSON.stringify(actual) === JSON.stringify(expected)) return;
  const [is, should] = [Deno.inspect(actual), Deno.inspect(expected)];
  if (is !== should) throw new Error(`Expected ${should}, found ${is}`);
}
