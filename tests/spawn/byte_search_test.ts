// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.11.0";
import { indexOfByte, isPrintableAscii } from "../../src/spawn/byte_search.ts";

/** Bytes that differ in what surrounds them, and in where they begin. */
function bytesOf(byte: fc.Arbitrary<number>): fc.Arbitrary<Uint8Array> {
  return fc.record({
    offset: fc.nat({ max: 5 }),
    bytes: fc.array(byte, { maxLength: 20 }),
  }).map(({ offset, bytes }) => {
    const whole = new Uint8Array(offset + bytes.length + 5);
    whole.set(bytes, offset);
    return whole.subarray(offset, offset + bytes.length);
  });
}

Deno.test("indexOfByte() returns what indexOf() returns", () => {
  const byte = fc.constantFrom(0, 0x1d, 0x1e, 0x1f, 0x7f, 0x80, 0x9e, 0xff);
  fc.assert(
    fc.property(bytesOf(byte), byte, (bytes, byte) => {
      assertEquals(indexOfByte(bytes, byte), bytes.indexOf(byte));
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("isPrintableAscii() returns whether all bytes are printable ASCII or LF", () => {
  const isPrintable = (byte: number) =>
    byte === 10 || (byte >= 0x20 && byte < 0x7f);
  for (let byte = 0; byte <= 0xff; byte++) {
    for (let length = 1; length <= 9; length++) {
      for (let index = 0; index < length; index++) {
        const bytes = new Uint8Array(length).fill(10);
        bytes[index] = byte;
        assertEquals(isPrintableAscii(bytes), isPrintable(byte));
      }
    }
  }
  const byte = fc.constantFrom(10, 0x20, 0x40, 0x7e);
  fc.assert(fc.property(bytesOf(byte), (bytes) => {
    assert(isPrintableAscii(bytes));
  }));
});
