// Copyright 2026 the @ipc/barrier authors. MIT license.

import { LF, type Message, NOTE_MAX, toLine } from "../barrier/lines.ts";
import { isPrintableAscii } from "./byte_search.ts";

/** How many characters of a line are looked at. */
const SCANNED_MAX = 4_096;

/** How many bytes of UTF-8 these can be when they are printable. */
const PRINTABLE_MAX = 8 * SCANNED_MAX;

/**
 * What ends a line: LF, or what a program writes before it overwrites the line
 * (CR, and the escape sequences by which a spinner goes to the first column or
 * erases the line).
 */
// deno-lint-ignore no-control-regex -- these are the characters
export const LINE_END: RegExp = /[\r\n]|\x1b\[(?:1G|2?K)/g;

/** The beginning of such an escape sequence, whose rest may follow. */
// deno-lint-ignore no-control-regex -- these are the characters
const PARTIAL_ESCAPE = /\x1b(?:\[[12]?)?$/;

/** What such an end begins with. */
const LINE_END_BEGIN = ["\n", "\r", "\x1b"];

/** What a line must not contain to be tested without being cleaned first. */
const UNPRINTABLE =
  // deno-lint-ignore no-control-regex -- these are the characters
  /[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/**
 * Finds the lines of a child's output that match a regular expression. A line
 * counts when its end has arrived.
 */
export class LineScanner {
  readonly #pattern: RegExp;
  /** Decodes what begins or ends within a line. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** Decodes whole lines, in half the time. */
  readonly #lineDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** Whether the last byte that was read is LF. */
  #isAtStart = true;
  /** The beginning of an escape sequence that may end a line. */
  #partial = "";
  /** A line whose end has not arrived yet. */
  #line = "";
  /** Whether the last line was ended by something else than LF. */
  #isOverwritten = false;

  /** @param pattern What to look for in each line. */
  constructor(pattern: RegExp) {
    // A copy, because a "g" or "y" expression remembers where it was.
    this.#pattern = new RegExp(pattern);
  }

  /**
   * Reads what the child printed.
   *
   * @param bytes The bytes, which may begin and end anywhere.
   * @returns A barrier for each line that matches, in order.
   */
  read(bytes: Uint8Array): Message[] {
    const messages: Message[] = [];
    let start = 0;
    if (!this.#isAtStart) {
      start = bytes.indexOf(LF) + 1 || bytes.length;
      this.#readAny(bytes.subarray(0, start), messages);
    }
    const end = start < bytes.length ? bytes.lastIndexOf(LF) + 1 : 0;
    if (end > start) {
      this.#readLines(bytes.subarray(start, end), messages);
      start = end;
    }
    if (start < bytes.length) this.#readAny(bytes.subarray(start), messages);
    this.#isAtStart = bytes.at(-1) === LF;
    return messages;
  }

  /** Reads whole lines, from the beginning of one. */
  #readLines(bytes: Uint8Array, messages: Message[]): void {
    const text = this.#lineDecoder.decode(bytes);
    if (!isPrintableAscii(bytes) && UNPRINTABLE.test(text)) {
      return this.#readAny(bytes, messages);
    }
    let start = 0;
    for (let end; (end = text.indexOf("\n", start)) >= 0; start = end + 1) {
      const line = text.slice(start, Math.min(end, start + SCANNED_MAX));
      this.#match(line, messages);
    }
  }

  /** Reads whatever there is. */
  #readAny(bytes: Uint8Array, messages: Message[]): void {
    const decoded = this.#decoder.decode(bytes, { stream: true });
    if (
      this.#isFull && !LINE_END_BEGIN.some((begin) => decoded.includes(begin))
    ) {
      return; // nothing of it is looked at
    }
    let text = this.#partial + decoded;
    this.#partial = PARTIAL_ESCAPE.exec(text)?.[0] ?? "";
    text = text.slice(0, text.length - this.#partial.length);
    let start = 0;
    for (const { 0: lineEnd, index } of text.matchAll(LINE_END)) {
      this.#add(text, start, index);
      start = index + lineEnd.length;
      const isOverwritten = this.#isOverwritten;
      this.#isOverwritten = lineEnd !== "\n";
      // CR LF is one end. What is about to be overwritten is a line only if
      // there is something.
      if (this.#line === "" && (this.#isOverwritten || isOverwritten)) continue;
      this.#match(toLine(this.#line, PRINTABLE_MAX), messages);
      this.#line = "";
    }
    this.#add(text, start, text.length);
  }

  /** Whether the rest of the line is not looked at, until it ends. */
  get #isFull(): boolean {
    return this.#line.length === SCANNED_MAX && this.#partial === "";
  }

  #add(text: string, start: number, end: number): void {
    const room = SCANNED_MAX - this.#line.length;
    this.#line += text.slice(start, Math.min(end, start + room));
  }

  #match(line: string, messages: Message[]): void {
    this.#pattern.lastIndex = 0;
    const match = this.#pattern.exec(line);
    if (match) messages.push(barrierOf(match));
  }
}

/** Returns the barrier that a line counts as. */
function barrierOf(match: RegExpExecArray): Message {
  const note = toLine(match[1] ?? match.input, NOTE_MAX);
  return { kind: "barrier", note };
}
