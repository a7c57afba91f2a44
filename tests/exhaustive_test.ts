// Copyright 2026 the @ipc/barrier authors. MIT license.

/** All that can happen within a few calls. `deno task soak` makes one call more. */

import { assertEquals } from "@std/assert";
import { checkOneSide, checkPairs } from "./_helpers/exhaustive.ts";

Deno.test("Barrier follows its rules in all programs of three calls, whatever arrives between them", async () => {
  assertEquals(await checkOneSide(3), 102_418);
});

Deno.test("Barrier that two barriers were placed on follows its rules in all programs of three calls", async () => {
  assertEquals(await checkOneSide(3, { barriers: 2 }), 130_136);
});

Deno.test("Barrier.pair() follows its rules in all pairs of programs of two calls", async () => {
  assertEquals(await checkPairs(2), 2 * 6 * 8 ** 4);
});
