// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Cuts bytes into pieces.
 *
 * @param whole The bytes.
 * @param lengths How long the pieces are, over and over; one piece if there are none.
 */
export function* pieces(
  whole: Uint8Array,
  lengths: readonly number[],
): Generator<Uint8Array> {
  for (let i = 0, start = 0; start < whole.length; i++) {
    const length = lengths[i % lengths.length] ?? whole.length;
    yield whole.subarray(start, start += length);
  }
}
