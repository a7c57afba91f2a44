// Copyright 2026 the @ipc/barrier authors. MIT license.

import { LF } from "../barrier/lines.ts";

/** The size, in bytes, of the blocks that collect small chunks. */
const BLOCK = 64 * 1024;

/** Bytes in the order in which they came, in little more memory than they need. */
export class ByteQueue {
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  /** How many bytes of the last chunk are in use. All of the others are. */
  #lastLength = 0;
  #size = 0;

  /** How many bytes it holds. */
  get size(): number {
    return this.#size;
  }

  /** Whether a line ends in the first chunk. */
  get hasLine(): boolean {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return false;
    return chunk.lastIndexOf(LF, this.#lengthOf(chunk) - 1) >= 0;
  }

  /**
   * Adds a copy of the bytes at the end.
   *
   * @param bytes The bytes.
   */
  push(bytes: Uint8Array): void {
    const added = this.#addToLast(bytes);
    if (added < bytes.length) this.#addChunk(bytes.subarray(added));
    this.#size += bytes.length;
  }

  /**
   * Removes bytes from the beginning.
   *
   * @param upToLineEnd Whether to stop after the last line that ends in the
   * first chunk, if one does.
   * @returns The bytes, or `undefined` if the queue is empty.
   */
  shift(upToLineEnd = false): Uint8Array<ArrayBuffer> | undefined {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return undefined;
    const isLast = this.#chunks.length === 1;
    const length = this.#lengthOf(chunk);
    const lines = upToLineEnd ? chunk.lastIndexOf(LF, length - 1) + 1 : 0;
    this.#size -= lines || length;
    if (lines > 0 && lines < length) {
      this.#chunks[0] = chunk.subarray(lines);
      if (isLast) this.#lastLength -= lines;
      return chunk.subarray(0, lines);
    }
    this.#chunks.shift();
    // The caller keeps a copy of its own size, and not a block.
    return length < chunk.length ? chunk.slice(0, length) : chunk;
  }

  /** Removes all bytes. */
  clear(): void {
    this.#chunks.length = 0;
    this.#size = 0;
  }

  /** How many bytes of a chunk are in use. */
  #lengthOf(chunk: Uint8Array): number {
    return chunk === this.#chunks.at(-1) ? this.#lastLength : chunk.length;
  }

  #addToLast(bytes: Uint8Array): number {
    const last = this.#chunks.at(-1);
    if (last === undefined) return 0;
    const room = last.length - this.#lastLength;
    const added = bytes.subarray(0, room);
    last.set(added, this.#lastLength);
    this.#lastLength += added.length;
    return added.length;
  }

  #addChunk(bytes: Uint8Array): void {
    // Usually the reader keeps up and there is only this chunk: it is exact.
    const size = this.#chunks.length === 0 ? 0 : BLOCK;
    this.#chunks.push(copy(bytes, Math.max(size, bytes.length)));
    this.#lastLength = bytes.length;
  }
}

/** Returns so many bytes that begin with a copy of the given ones. */
function copy(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  // Memory that is copied to is not filled with zeros first.
  if (bytes.length === size) return new Uint8Array(bytes);
  const copied = new Uint8Array(size);
  copied.set(bytes);
  return copied;
}
