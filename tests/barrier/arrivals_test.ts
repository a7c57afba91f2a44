// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers that have arrived and were not consumed. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "npm:fast-check@4.11.0";
import { Arrivals } from "../../src/barrier/arrivals.ts";

const MEBIBYTE = 1024 * 1024;

Deno.test("Arrivals.takeOne() returns the oldest barrier's note", () => {
  const arrivals = new Arrivals();
  for (const note of [undefined, "one", undefined, "", "two"]) {
    arrivals.add(note);
  }
  const notes = Array.from({ length: 5 }, () => arrivals.takeOne());
  assertEquals(notes, [undefined, "one", undefined, "", "two"]);
  assertEquals([arrivals.count, arrivals.taken], [0, 5]);
});

Deno.test("Arrivals.takeAll() returns the newest note, and takes every barrier", () => {
  const arrivals = new Arrivals();
  assertStrictEquals(arrivals.takeAll(), undefined);
  for (const note of ["one", "two", undefined]) arrivals.add(note);
  assertEquals(arrivals.takeAll(), "two");
  assertEquals([arrivals.count, arrivals.taken], [0, 3]);
  arrivals.add();
  assertStrictEquals(arrivals.takeAll(), undefined);
});

Deno.test("Arrivals forgets the oldest notes beyond a mebibyte, and no barrier", () => {
  const arrivals = new Arrivals();
  const note = (i: number) => `${i} `.padEnd(10_000, "x");
  for (let i = 0; i < 400; i++) arrivals.add(note(i));
  assertEquals(arrivals.count, 400);
  const notes = Array.from({ length: 400 }, () => arrivals.takeOne());
  const kept = notes.filter((note) => note !== undefined);
  assertEquals(kept.length, 103); // at 10,096 bytes each
  assertEquals(kept, notes.slice(-103));
  assertEquals(kept.at(-1), note(399));
});

Deno.test("Arrivals counts two bytes for each character of a note that is not Latin-1", () => {
  const kept = (character: string) => {
    const arrivals = new Arrivals();
    for (let i = 0; i < 400; i++) arrivals.add(character.padEnd(9_904, "x"));
    const notes = Array.from({ length: 400 }, () => arrivals.takeOne());
    return notes.filter((note) => note !== undefined).length;
  };
  assertEquals(kept("\xff"), Math.floor(MEBIBYTE / 10_000));
  assertEquals(kept("\u0100"), Math.floor(MEBIBYTE / (2 * 9_904 + 96)));
});

for (const take of ["takeAll", "takeOne"] as const) {
  Deno.test(`Arrivals keeps every note that fits after ${take}(), however many were taken`, () => {
    const arrivals = new Arrivals();
    // Two mebibytes in all, never more than 20 KB at once.
    for (let i = 0; i < 200; i++) {
      arrivals.add(`${i} `.padEnd(10_000, "x"));
      arrivals.add("last");
      if (take === "takeOne") arrivals.takeOne();
      assertEquals(arrivals[take](), "last");
    }
    for (let i = 0; i < 100; i++) arrivals.add(`${i} `.padEnd(10_000, "x"));
    for (let i = 0; i < 100; i++) {
      assertEquals(arrivals.takeOne(), `${i} `.padEnd(10_000, "x"));
    }
  });
}

Deno.test("Arrivals returns what was added, in order, whatever is taken in between", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.record({
            add: fc.option(fc.string({ maxLength: 3 }), { nil: undefined }),
          }),
          fc.constantFrom({ take: "one" as const }, { take: "all" as const }),
        ),
        { size: "medium" },
      ),
      (steps) => {
        const arrivals = new Arrivals();
        const model: (string | undefined)[] = [];
        let taken = 0;
        for (const step of steps) {
          if ("add" in step) {
            arrivals.add(step.add);
            model.push(step.add);
          } else if (step.take === "all") {
            taken += model.length;
            const newest = model.splice(0).findLast((note) =>
              note !== undefined
            );
            assertEquals(arrivals.takeAll(), newest);
          } else if (model.length > 0) {
            taken++;
            assertEquals(arrivals.takeOne(), model.shift());
          }
          assertEquals([arrivals.count, arrivals.taken], [model.length, taken]);
        }
      },
    ),
  );
});
