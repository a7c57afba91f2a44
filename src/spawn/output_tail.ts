// Copyright 2026 the @ipc/barrier authors. MIT license.

import { encode, toLine } from "../barrier/lines.ts";
import { LINE_END } from "./line_scanner.ts";

/** How many bytes of an output are kept. Colors take some of them. */
const KEPT = 16 * 1024;

/** How many lines an error shows, and how many bytes. */
const LINES_MAX = 20;
const BYTES_MAX = 4 * 1024;

/** The last lines of what a child has printed. */
export class OutputTail {
  #bytes = new Uint8Array(0);
  #length = 0;

  /**
   * Adds what the child printed.
   *
   * @param bytes The bytes. They are not kept.
   */
  push(bytes: Uint8Array): void {
    const added = bytes.subarray(-KEPT);
    const room = this.#bytes.length - this.#length;
    if (added.length > room) this.#makeRoom(added.length);
    this.#bytes.set(added, this.#length);
    this.#length += added.length;
  }

  /** The last lines, as an error shows them. Empty ones are left out. */
  get lines(): string[] {
    const text = new TextDecoder().decode(
      this.#bytes.subarray(0, this.#length).subarray(-KEPT),
    );
    const lines: string[] = [];
    let room = BYTES_MAX;
    for (const line of text.split("\n").reverse()) {
      const shown = lastWritten(line);
      if (shown === "") continue;
      room -= encode(shown).length;
      if (room < 0 && lines.length > 0) break;
      lines.unshift(shown);
      if (lines.length === LINES_MAX) break;
    }
    return lines;
  }

  /** The last line, or `undefined` if nothing was printed. */
  get lastLine(): string | undefined {
    return this.lines.at(-1);
  }

  /** Forgets the oldest bytes, or grows. */
  #makeRoom(length: number): void {
    const kept = this.#bytes.subarray(0, this.#length).subarray(-KEPT);
    const size = Math.min(2 * KEPT, 2 * (kept.length + length));
    const bytes = size > this.#bytes.length
      ? new Uint8Array(size)
      : this.#bytes;
    bytes.set(kept);
    this.#bytes = bytes;
    this.#length = kept.length;
  }
}

/** Returns what a terminal shows of a line in the end, as printable text. */
function lastWritten(line: string): string {
  const versions = line.split(LINE_END).map((version) =>
    toLine(version, BYTES_MAX).trimEnd()
  );
  return versions.findLast((version) => version !== "") ?? "";
}
