// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * A child's stdout that serves as its channel carries what the child prints as
 * well. A line of the protocol is introduced by a record separator there; this
 * takes the two apart. Only the parent needs it.
 */

import {
  ABORT,
  BARRIER_LINE,
  CR,
  LF,
  LINE_MAX,
  NOTE_PREFIX,
  parseLine,
  RECORD_SEPARATOR,
} from "../barrier/lines.ts";

/**
 * Separates what a child prints to its stdout from the lines of the protocol
 * that it sends there. A record separator, a valid line and its end are the
 * protocol; everything else is output, passed on byte for byte. So no print can
 * break the barrier.
 */
export class StdoutSplitter {
  readonly #onOutput: (bytes: Uint8Array) => void;
  readonly #onLines: (lines: Uint8Array) => void;
  /**
   * What may become a line of the protocol, from its record separator on. It
   * holds the longest line with that in front and CR LF behind.
   */
  readonly #candidate = new Uint8Array(LINE_MAX + 3);
  #length = 0;

  /**
   * @param onOutput Takes what the child printed.
   * @param onLines Takes the lines, without their record separators.
   */
  constructor(
    onOutput: (bytes: Uint8Array) => void,
    onLines: (lines: Uint8Array) => void,
  ) {
    this.#onOutput = onOutput;
    this.#onLines = onLines;
  }

  /**
   * Reads what has arrived. The output goes on before the lines do, so that
   * whoever waits for a barrier finds what was printed before it.
   */
  read(chunk: Uint8Array): void {
    // Not as a Buffer of Node's, which takes twice as long to search.
    const bytes = new Uint8Array(
      chunk.buffer,
      chunk.byteOffset,
      chunk.byteLength,
    );
    const lines: Uint8Array[] = [];
    for (let start = 0; start < bytes.length;) {
      start = this.#length === 0
        ? this.#readOutput(bytes, start)
        : this.#readCandidate(bytes, start, lines);
    }
    if (lines.length > 0) this.#onLines(concat(lines));
  }

  /** The stream has ended: an unfinished line is output. */
  end(): void {
    this.#rejectCandidate();
  }

  #readOutput(bytes: Uint8Array, start: number): number {
    const separator = bytes.indexOf(RECORD_SEPARATOR, start);
    const end = separator < 0 ? bytes.length : separator;
    if (end > start) this.#onOutput(bytes.subarray(start, end));
    if (separator >= 0) this.#candidate[this.#length++] = RECORD_SEPARATOR;
    return end + 1;
  }

  /** Reads up to the end of the line, or to what shows that it is none. */
  #readCandidate(
    bytes: Uint8Array,
    start: number,
    lines: Uint8Array[],
  ): number {
    for (let i = start; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === RECORD_SEPARATOR) {
        this.#rejectCandidate();
        return i;
      }
      this.#candidate[this.#length++] = byte;
      if (byte === LF) {
        this.#endCandidate(lines);
        return i + 1;
      }
      if (!this.#mayBecomeLine()) {
        this.#rejectCandidate();
        return i + 1;
      }
    }
    return bytes.length;
  }

  #mayBecomeLine(): boolean {
    if (this.#length === this.#candidate.length) return false;
    const second = this.#candidate[1];
    if (second === NOTE_PREFIX.charCodeAt(0)) return true;
    if (second === CR) return this.#length === 2;
    const index = this.#length - 2;
    if (index > ABORT.length) return this.#candidate[ABORT.length + 1] === 0x20;
    const byte = this.#candidate[this.#length - 1]!;
    return index < ABORT.length
      ? byte === ABORT.charCodeAt(index)
      : byte === 0x20 || byte === CR;
  }

  #endCandidate(lines: Uint8Array[]): void {
    const end = this.#length;
    const line = this.#candidate.subarray(1, end - 1);
    if (parseLine(line, false).kind === "violation") {
      return this.#rejectCandidate();
    }
    lines.push(
      line.length === 0 ? BARRIER_LINE : this.#candidate.slice(1, end),
    );
    this.#length = 0;
  }

  #rejectCandidate(): void {
    if (this.#length === 0) return;
    const output = this.#candidate.slice(0, this.#length);
    this.#length = 0;
    this.#onOutput(output);
  }
}

/** Puts bytes together. */
export function concat(parts: Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
