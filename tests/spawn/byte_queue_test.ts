// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "npm:fast-check@4.11.0";
import { ByteQueue } from "../../src/spawn/byte_queue.ts";

const LF = 10;

Deno.test("ByteQueue returns what was added, in order and whole lines where asked for", () => {
  const step = fc.oneof(
    fc.record({
      byte: fc.constantFrom(LF, 65, 66),
      length: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 200_000 })),
    }),
    fc.constantFrom("shift", "lines", "clear"),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const queue = new ByteQueue();
      let expected: number[] = [];
      for (const step of steps) {
        if (typeof step === "object") {
          const bytes = new Uint8Array(step.length).fill(step.byte);
          queue.push(bytes);
          expected = expected.concat([...bytes]);
          bytes.fill(0); // it has a copy
        } else if (step === "clear") {
          queue.clear();
          expected = [];
        } else {
          const bytes = queue.shift(step === "lines");
          assertEquals(bytes === undefined, expected.length === 0);
          if (bytes === undefined) continue;
          assert(bytes.length > 0);
          assertEquals([...bytes], expected.splice(0, bytes.length));
          if (step === "lines" && bytes.at(-1) !== LF) {
            assert(!bytes.includes(LF));
          }
        }
        assertEquals(queue.size, expected.length);
      }
    }),
    { numRuns: 25 },
  );
});

Deno.test("ByteQueue.shift() stops after the last line of the only chunk", () => {
  const queue = new ByteQueue();
  queue.push(Uint8Array.of(1, LF, 2, LF, 3, 4));
  assert(queue.hasLine);
  assertEquals(queue.shift(true), Uint8Array.of(1, LF, 2, LF));
  assertEquals([queue.size, queue.hasLine], [2, false]);
  queue.push(Uint8Array.of(5));
  assertEquals(queue.shift(true), Uint8Array.of(3, 4));
  assertEquals(queue.shift(true), Uint8Array.of(5));
  assertEquals([queue.size, queue.shift()], [0, undefined]);
});

Deno.test("ByteQueue takes little more memory than a million single bytes need", () => {
  const queue = new ByteQueue();
  const byte = Uint8Array.of(1);
  for (let i = 0; i < 1_000_000; i++) queue.push(byte);
  let memory = 0;
  for (let chunk; (chunk = queue.shift());) memory += chunk.buffer.byteLength;
  assertLess(memory, 1_200_000);
});
