// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Searches of a child's output, four bytes at a time. `indexOf()` and regular
 * expressions look at one byte after the other, which takes at least twice as
 * long.
 */

import { LF } from "../barrier/lines.ts";

/** The lowest, and the highest, bit of each byte of a word. */
const LOWEST = 0x01010101;
const HIGHEST = 0x80808080;

/** Returns where a byte occurs first, or -1. */
export function indexOfByte(bytes: Uint8Array, byte: number): number {
  const words = wordsOf(bytes);
  let start = 0;
  while (
    start + 4 <= bytes.length &&
    !hasZero(words.getInt32(start) ^ (byte * LOWEST))
  ) start += 4;
  return bytes.indexOf(byte, start);
}

/** Returns whether bytes are printable ASCII and LF. */
export function isPrintableAscii(bytes: Uint8Array): boolean {
  const words = wordsOf(bytes);
  let start = 0;
  for (; start + 4 <= bytes.length; start += 4) {
    if (!isPrintable(words.getInt32(start))) return false;
  }
  return bytes.subarray(start).every((byte) => isPrintable(byte * LOWEST));
}

function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Returns whether a byte of a word is 0. */
function hasZero(word: number): boolean {
  return ((word - LOWEST) & ~word & HIGHEST) !== 0;
}

/**
 * Returns whether each byte of a word is printable ASCII or LF. If no byte has its
 * highest bit, no sum of these carries into the next byte.
 */
function isPrintable(word: number): boolean {
  const isControl = ~(word + 0x60 * LOWEST); // below 0x20
  const isNotLf = (word ^ (LF * LOWEST)) + 0x7f * LOWEST;
  const isDelete = word + LOWEST; // 0x7f
  return ((isControl & isNotLf | isDelete | word) & HIGHEST) === 0;
}
