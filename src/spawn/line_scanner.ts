// Copyright 2026 the @ipc/barrier authors. MIT license.

import { type Message, NOTE_MAX, toLine } from "../barrier/lines.ts";

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

/**
 * Finds the lines of a child's output that match a regular expression. A line
 * counts when its end has arrived.
 */
export class LineScanner {
  readonly #pattern: RegExp;
  readonly #decoder = new TextDecoder();
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
    const decoded = this.#decoder.decode(bytes, { stream: true });
    let text = this.#partial + decoded;
    this.#partial = PARTIAL_ESCAPE.exec(text)?.[0] ?? "";
    text = text.slice(0, text.length - this.#partial.length);
    const messages: Message[] = [];
    let start = 0;
    for (const { 0: lineEnd, index } of text.matchAll(LINE_END)) {
      this.#add(text, start, index);
      start = index + lineEnd.length;
      const isOverwritten = this.#isOverwritten;
      this.#isOverwritten = lineEnd !== "\n";
      // CR LF is one end. What is about to be overwritten is a line only if
      // there is something.
      if (this.#line === "" && (this.#isOverwritten || isOverwritten)) continue;
      const match = this.#endLine();
      if (match) messages.push(barrierOf(match));
    }
    this.#add(text, start, text.length);
    return messages;
  }

  #add(text: string, start: number, end: number): void {
    const room = SCANNED_MAX - this.#line.length;
    this.#line += text.slice(start, Math.min(end, start + room));
  }

  #endLine(): RegExpExecArray | null {
    this.#pattern.lastIndex = 0;
    const match = this.#pattern.exec(toLine(this.#line, PRINTABLE_MAX));
    this.#line = "";
    return match;
  }
}

/** Returns the barrier that a line counts as. */
function barrierOf(match: RegExpExecArray): Message {
  const note = toLine(match[1] ?? match.input, NOTE_MAX);
  return { kind: "barrier", note };
}
