// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Over "stdio", a child's stdout carries what the child prints and the protocol.
 * A record separator introduces a line of the protocol. Only the parent needs to
 * separate the two.
 */

import {
  ABORT,
  CR,
  LF,
  LINE_MAX,
  type Message,
  NOTE_PREFIX,
  parseLine,
  RECORD_SEPARATOR,
} from "../barrier/lines.ts";
import { indexOfByte } from "./byte_search.ts";

/** What a chunk of a child's stdout contains. */
export interface SplitOutput {
  /** What the child printed. It is valid until the next call. */
  output: Uint8Array;
  /** What the lines of the protocol mean, in order. */
  messages: Message[];
}

const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);
const BARRIER: Message = { kind: "barrier" };

/** The longest line, with a CR that belongs to its end. */
const LONGEST = LINE_MAX + 1;

const PLUS = NOTE_PREFIX.charCodeAt(0);
const SPACE = 0x20;

/**
 * Separates what a child prints to its stdout from the lines of the protocol.
 * A record separator, a valid line and LF are the protocol. Everything else is
 * output, byte for byte, so that no print can break the barrier.
 */
export class StdoutSplitter {
  /** What may become a line, from its record separator on. */
  #candidate = NOTHING;
  readonly #joined = new Scratch();
  readonly #output = new Scratch();

  /**
   * Returns how many bytes at the beginning of a chunk are only output, which need
   * not be read.
   */
  plainLength(chunk: Uint8Array): number {
    if (this.#candidate.length > 0) return 0;
    return orLength(indexOfByte(chunk, RECORD_SEPARATOR), chunk);
  }

  /**
   * Separates a chunk.
   *
   * @param chunk What has arrived. It is not kept.
   * @returns What the child printed, and what it placed.
   */
  read(chunk: Uint8Array): SplitOutput {
    const bytes = this.#withCandidate(chunk);
    const messages: Message[] = [];
    const output = new Remainder(bytes, this.#output);
    let end = -1;
    let separator = indexOfByte(bytes, RECORD_SEPARATOR);
    while (separator >= 0) {
      const start = separator + 1;
      separator = bytes.indexOf(RECORD_SEPARATOR, start);
      // A search for LF goes on from where the last one stopped.
      if (end < start) end = orLength(bytes.indexOf(LF, start), bytes);
      if (separator >= 0 && separator < end) continue;
      const line = bytes.subarray(start, end);
      if (end === bytes.length) {
        if (!mayBecomeLine(line)) break;
        this.#candidate = bytes.slice(start - 1);
        output.remove(start - 1, end);
      } else {
        const message = readLine(line);
        if (message === undefined) continue;
        messages.push(message);
        output.remove(start - 1, end + 1);
      }
    }
    return { output: output.bytes(), messages };
  }

  /**
   * Ends the stream. An unfinished line is output.
   *
   * @returns That line.
   */
  end(): Uint8Array {
    return this.#withCandidate(NOTHING);
  }

  /** Returns the unfinished line followed by a chunk. */
  #withCandidate(chunk: Uint8Array): Uint8Array {
    const candidate = this.#candidate;
    this.#candidate = NOTHING;
    if (candidate.length > 0) {
      const joined = this.#joined.get(candidate.length + chunk.length);
      joined.set(candidate);
      joined.set(chunk, candidate.length);
      return joined;
    }
    // Searching a Buffer of Node's takes twice as long.
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}

/** Memory that is used again for each chunk. */
class Scratch {
  #bytes = NOTHING;

  /** Returns so many bytes of it. */
  get(length: number): Uint8Array {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    return this.#bytes.subarray(0, length);
  }
}

/** Bytes of which ranges are removed. */
class Remainder {
  readonly #all: Uint8Array;
  readonly #scratch: Scratch;
  #kept: Uint8Array | undefined;
  #length = 0;
  #start = 0;

  constructor(all: Uint8Array, scratch: Scratch) {
    this.#all = all;
    this.#scratch = scratch;
  }

  /** Removes a range, which comes after the ones removed before. */
  remove(start: number, end: number): void {
    this.#kept ??= this.#scratch.get(this.#all.length);
    this.#keep(start);
    this.#start = end;
  }

  bytes(): Uint8Array {
    if (this.#kept === undefined) return this.#all;
    this.#keep(this.#all.length);
    return this.#kept.subarray(0, this.#length);
  }

  #keep(end: number): void {
    if (this.#start === end) return;
    const range = this.#all.subarray(this.#start, end);
    this.#kept!.set(range, this.#length);
    this.#length += range.length;
    this.#start = end;
  }
}

/** Returns an index, or the length if nothing was found. */
function orLength(index: number, bytes: Uint8Array): number {
  return index < 0 ? bytes.length : index;
}

/** Returns what a line means, or `undefined` if it is not of the protocol. */
function readLine(line: Uint8Array): Message | undefined {
  if (line.length === 0) return BARRIER;
  if (!mayBecomeLine(line)) return undefined;
  const message = parseLine(line, false);
  return message.kind === "violation" ? undefined : message;
}

/** Returns whether bytes are how a line of the protocol can begin. */
function mayBecomeLine(bytes: Uint8Array): boolean {
  if (bytes.length > LONGEST) return false;
  if (bytes.length === LONGEST && bytes.at(-1) !== CR) return false;
  if (bytes.length === 0 || bytes[0] === PLUS) return true;
  if (bytes[0] === CR) return bytes.length === 1;
  for (let i = 0; i < bytes.length && i < ABORT.length; i++) {
    if (bytes[i] !== ABORT.charCodeAt(i)) return false;
  }
  if (bytes.length <= ABORT.length) return true;
  const next = bytes[ABORT.length];
  return next === SPACE || (next === CR && bytes.length === ABORT.length + 1);
}
