// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The protocol: how barriers and abortions are written as lines of text, and
 * read again. `PROTOCOL.md` describes it for other programs.
 */

/** The longest line, in bytes and without its end, that a peer may send. */
export const LINE_MAX = 4096;

export const LF = 0x0a;
export const CR = 0x0d;

/** Introduces a line of the protocol on a stdout that carries output too. */
export const RECORD_SEPARATOR = 0x1e;

export const ABORT = "abort";
export const NOTE_PREFIX = "+";

/** The longest note, in bytes of UTF-8. */
export const NOTE_MAX: number = LINE_MAX - NOTE_PREFIX.length;

/** The longest reason, in bytes of UTF-8. */
export const REASON_MAX: number = LINE_MAX - ABORT.length - 1;

/** What a line means. */
export type Message =
  | { kind: "barrier"; note?: string }
  | { kind: "abort"; reason?: string }
  | { kind: "violation"; why: string };

const BARRIER: Message = { kind: "barrier" };
export const BARRIER_LINE: Uint8Array = Uint8Array.of(LF);

/**
 * Writes a barrier as a line.
 *
 * @throws {TypeError} If the note is not one line of text.
 * @throws {RangeError} If the note is too long.
 */
export function encodeBarrier(note?: string): Uint8Array {
  if (note === undefined) return BARRIER_LINE;
  if (typeof note !== "string") {
    throw new TypeError(
      `Cannot send note: it must be a string, received ${shown(note)}`,
    );
  }
  if (some(note, isUnprintable)) {
    throw new TypeError(
      `Cannot send note: it has a control character, a line separator or a mark of writing direction, received ${
        shown(note)
      }; send one line of printable text`,
    );
  }
  if (!note.isWellFormed()) {
    throw new TypeError(
      `Cannot send note: it has a lone surrogate, received ${
        shown(note)
      }; make it well-formed by toWellFormed()`,
    );
  }
  const line = encode(`${NOTE_PREFIX}${note}\n`);
  const size = line.length - NOTE_PREFIX.length - 1;
  if (size > NOTE_MAX) {
    throw new RangeError(
      `Cannot send note of ${size} bytes: it must be at most ${NOTE_MAX} bytes; send larger data through the child's stdin or a file`,
    );
  }
  return line;
}

/**
 * Writes an abort as a line.
 *
 * @param reason One line of at most {@linkcode REASON_MAX} bytes, as
 * {@linkcode toLine} makes it.
 */
export function encodeAbort(reason = ""): Uint8Array {
  return encode(reason === "" ? `${ABORT}\n` : `${ABORT} ${reason}\n`);
}

/** Cuts a stream of bytes into lines, and reads them. */
export class LineReader {
  readonly #acceptsText: boolean;
  /** A line whose end has not arrived yet. */
  #line: Uint8Array | undefined;
  #length = 0;

  /** @param acceptsText Whether a line of other text is a barrier. */
  constructor(acceptsText: boolean) {
    this.#acceptsText = acceptsText;
  }

  /**
   * Reads what has arrived.
   *
   * @param onMessage Called for each line, in order. It returns whether to read
   * on; after a violation that is no longer possible.
   */
  read(bytes: Uint8Array, onMessage: (message: Message) => boolean): void {
    let goOn = true;
    for (let start = 0; goOn && start < bytes.length;) {
      if (bytes[start] === LF && this.#length === 0) {
        goOn = onMessage(BARRIER);
        start++;
        continue;
      }
      const newline = bytes.indexOf(LF, start);
      const end = newline < 0 ? bytes.length : newline;
      const line = this.#append(bytes.subarray(start, end));
      if (newline >= 0 || isTooLong(line)) {
        this.#length = 0;
        goOn = onMessage(parseLine(line, this.#acceptsText));
      }
      start = end + 1;
    }
  }

  /** Adds to the unfinished line, and returns as much of it as is kept. */
  #append(bytes: Uint8Array): Uint8Array {
    // What exceeds the room makes the line too long, whatever it is.
    this.#line ??= new Uint8Array(LINE_MAX + 2);
    const room = this.#line.length - this.#length;
    this.#line.set(bytes.subarray(0, room), this.#length);
    this.#length += Math.min(bytes.length, room);
    return this.#line.subarray(0, this.#length);
  }
}

/** Whether a line is too long, even if a CR at its end belongs to that end. */
function isTooLong(line: Uint8Array): boolean {
  return line.length - (line.at(-1) === CR ? 1 : 0) > LINE_MAX;
}

/** Reads one line, without its LF. */
export function parseLine(line: Uint8Array, acceptsText: boolean): Message {
  if (isTooLong(line)) {
    return violation(line, `it is over ${LINE_MAX} bytes`);
  }
  let text: string;
  try {
    text = decode(line.at(-1) === CR ? line.subarray(0, -1) : line);
  } catch {
    return violation(line, "it is not UTF-8");
  }
  if (some(text, isControl)) {
    return violation(line, "it has control characters");
  }
  if (text === "") return BARRIER;
  if (text === ABORT || text.startsWith(`${ABORT} `)) {
    const reason = printable(text.slice(ABORT.length + 1));
    return reason === "" ? { kind: "abort" } : { kind: "abort", reason };
  }
  if (text.startsWith(NOTE_PREFIX)) {
    return { kind: "barrier", note: printable(text.slice(1)) };
  }
  if (acceptsText) return { kind: "barrier", note: printable(text) };
  return violation(line, "it is neither a barrier nor an abort");
}

function violation(line: Uint8Array, why: string): Message {
  return {
    kind: "violation",
    why: `Cannot read ${quote(line)} from the peer: ${why}`,
  };
}

/** Shows bytes in an error message: cut short, and with nothing unprintable. */
function quote(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, 64);
  const more = bytes.length > shown.length ? "..." : "";
  let text = "";
  for (const byte of shown) {
    const char = String.fromCharCode(byte);
    if (char === '"' || char === "\\") text += `\\${char}`;
    else if (byte >= 0x20 && byte < 0x7f) text += char;
    else text += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `"${text}${more}"`;
}

/**
 * Makes text safe for a terminal: escapes what would control it, break the line
 * or change the direction of writing.
 */
export function printable(text: string): string {
  // A string that grows by pieces would keep all of them in memory.
  const parts: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!isUnprintable(code)) continue;
    parts.push(text.slice(start, i), `\\u{${code.toString(16)}}`);
    start = i + 1;
  }
  return start === 0 ? text : [...parts, text.slice(start)].join("");
}

/** Makes text safe for a terminal, and cuts it to so many characters. */
export function cut(text: string, length: number): string {
  const shown = text.length > length ? `${text.slice(0, length)}...` : text;
  return printable(shown.toWellFormed());
}

/**
 * Makes one printable line of any text, of at most so many bytes of UTF-8:
 * removes colors and control characters, and makes tabs and line ends spaces.
 */
export function toLine(text: string, size: number): string {
  // What is removed can leave room for what follows.
  let line = text.slice(0, 4 * size);
  if (some(line, isControl)) {
    const sequences =
      // deno-lint-ignore no-control-regex -- these are what it removes
      /\x1b(?:[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])/g;
    line = line.replace(sequences, "").replace(/[\t-\r]/g, " ")
      .replace(/\p{Cc}/gu, "");
  }
  const bytes = encode(printable(line.toWellFormed()));
  // A character that is cut in two is left out.
  return new TextDecoder("utf-8", { ignoreBOM: true })
    .decode(bytes.subarray(0, size), { stream: true });
}

/** Describes any value: text is as it is, an error is its message. */
export function describe(value: unknown): string {
  try {
    if (typeof value === "string") return value;
    if (value instanceof Error) return String(value.message) || value.name;
    const text = String(value);
    return text.startsWith("[object ") ? JSON.stringify(value) ?? text : text;
  } catch {
    return `a value of type ${typeof value}`;
  }
}

/** How many characters of a bad value an error shows. */
const VALUE_MAX = 64;

/** Shows a value in an error. */
export function shown(value: unknown): string {
  const text = describe(value);
  if (typeof value !== "string") return cut(text, VALUE_MAX);
  const more = text.length > VALUE_MAX ? "..." : "";
  return printable(JSON.stringify(`${text.slice(0, VALUE_MAX)}${more}`));
}

// Loops over character codes and not regular expressions, as compiling one of
// these would take a child a millisecond.

function some(text: string, is: (code: number) => boolean): boolean {
  for (let i = 0; i < text.length; i++) {
    if (is(text.charCodeAt(i))) return true;
  }
  return false;
}

function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/**
 * Whether a character controls a terminal, separates lines, or changes the
 * direction of writing.
 */
function isUnprintable(code: number): boolean {
  return isControl(code) || (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069) ||
    code === 0x200e || code === 0x200f || code === 0x061c;
}

/** Whether V8 keeps a string in two bytes a character. */
export function isWide(text: string): boolean {
  return some(text, (code) => code > 0xff);
}

/*
 * The coders are made when they are first needed: making them is a good part of
 * what a child takes to import this, and few children ever send or receive text.
 */
let encoder: TextEncoder | undefined;
let decoder: TextDecoder | undefined;

/** Encodes text as UTF-8. */
export function encode(text: string): Uint8Array<ArrayBuffer> {
  encoder ??= new TextEncoder();
  return encoder.encode(text);
}

/** @throws {TypeError} If the bytes are not UTF-8. */
function decode(bytes: Uint8Array): string {
  decoder ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return decoder.decode(bytes);
}
