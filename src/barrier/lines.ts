// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The protocol: how barriers and aborts are written as lines of text, and
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
const PLUS = NOTE_PREFIX.charCodeAt(0);
const SPACE = 0x20;

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
      `Cannot send note: it must be at most ${NOTE_MAX} bytes, received ${size}; send larger data through the child's stdin or a file`,
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

/** How many bytes of a line are kept. So many make it too long. */
const KEPT_MAX = LINE_MAX + 2;

/** Cuts a stream of bytes into lines, and reads them. */
export class LineReader {
  readonly #acceptsText: boolean;
  /** The beginning of a line whose end has not arrived yet. */
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
   * on. After an abort or a violation it must return `false`.
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
      let line = bytes.subarray(start, Math.min(end, start + KEPT_MAX));
      if (newline < 0 || this.#length > 0) line = this.#append(line);
      if (newline >= 0 || this.#isViolation(line)) {
        this.#length = 0;
        goOn = onMessage(parseLine(line, this.#acceptsText));
      }
      start = end + 1;
    }
  }

  /** Adds to the unfinished line, and returns as much of it as is kept. */
  #append(bytes: Uint8Array): Uint8Array {
    this.#line ??= new Uint8Array(KEPT_MAX);
    const room = this.#line.length - this.#length;
    this.#line.set(bytes.subarray(0, room), this.#length);
    this.#length += Math.min(bytes.length, room);
    return this.#line.subarray(0, this.#length);
  }

  /** Whether an unfinished line is a violation, whatever follows. */
  #isViolation(line: Uint8Array): boolean {
    return isTooLong(line) && !(this.#acceptsText && isText(line));
  }
}

/** Whether a line is too long, even if a CR at its end belongs to that end. */
function isTooLong(line: Uint8Array): boolean {
  return line.length - (line.at(-1) === CR ? 1 : 0) > LINE_MAX;
}

/** Whether a line is neither a note nor an abort. */
function isText(line: Uint8Array): boolean {
  if (line[0] === PLUS) return false;
  for (let i = 0; i < ABORT.length; i++) {
    if (line[i] !== ABORT.charCodeAt(i)) return true;
  }
  return line.length > ABORT.length && line[ABORT.length] !== SPACE;
}

/**
 * Reads one line.
 *
 * @param line The line without its LF.
 * @param acceptsText Whether other text is a barrier. It is not part of the
 * protocol, so it is never a violation.
 */
export function parseLine(line: Uint8Array, acceptsText: boolean): Message {
  const content = line.at(-1) === CR ? line.subarray(0, -1) : line;
  if (content.length === 0) return BARRIER;
  if (acceptsText && isText(content)) {
    // Without the last byte that is kept, which may be a CR within the line.
    const kept = content.subarray(0, KEPT_MAX - 1);
    return { kind: "barrier", note: readText(kept) };
  }
  if (content.length > LINE_MAX) {
    return violation(line, `it is over ${LINE_MAX} bytes`);
  }
  const isNote = content[0] === PLUS;
  const prefix = isNote ? NOTE_PREFIX.length : ABORT.length + 1;
  const isOther = !isNote && isText(content);
  let text: string;
  try {
    // Not a part of the whole line's text, which would keep that in memory.
    text = decode(isOther ? content : content.subarray(prefix));
  } catch {
    return violation(line, "it is not UTF-8");
  }
  if (some(text, isControl)) {
    return violation(line, "it has control characters");
  }
  if (isOther) {
    return violation(line, "it is neither a barrier nor an abort");
  }
  text = printable(text);
  if (isNote) return { kind: "barrier", note: text };
  return text === "" ? { kind: "abort" } : { kind: "abort", reason: text };
}

/** Reads text that is not part of the protocol, whatever it is. */
function readText(bytes: Uint8Array): string {
  const text = ascii(bytes);
  if (text !== undefined) return text;
  // A character that was cut in two is left out.
  const stream = bytes.length > LINE_MAX;
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return toLine(decoder.decode(bytes, { stream }), NOTE_MAX);
}

/** The most characters for which this is faster than a decoder. */
const ASCII_MAX = 32;

/** Decodes short and printable ASCII; returns `undefined` for anything else. */
function ascii(bytes: Uint8Array): string | undefined {
  if (bytes.length > ASCII_MAX) return undefined;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! < 0x20 || bytes[i]! > 0x7e) return undefined;
  }
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
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
  if (!some(text, isUnprintable)) return text;
  let shown = "";
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!isUnprintable(code)) continue;
    shown += `${text.slice(start, i)}\\u{${code.toString(16)}}`;
    start = i + 1;
  }
  // V8 would keep the pieces of a string that has grown.
  return decode(encode(shown + text.slice(start)));
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
  line = printable(line.toWellFormed());
  if (3 * line.length <= size) return line; // no character takes more bytes
  const bytes = encode(line);
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
  const text = ascii(bytes);
  if (text !== undefined) return text;
  decoder ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return decoder.decode(bytes);
}
