// Copyright 2026 the @ipc/barrier authors. MIT license.

/** All that can happen within a few calls. `deno task soak` makes one call more. */

import { assertEquals } from "@std/assert";
import {
  checkDeliveries,
  checkOneSide,
  checkPairs,
  explore,
} from "./_helpers/exhaustive.ts";

Deno.test("Barrier follows its rules in all programs of three calls, whatever arrives between them", async () => {
  assertEquals(await checkOneSide(3), 201_805);
});

Deno.test("Barrier that two barriers were placed on follows its rules in all programs of three calls", async () => {
  assertEquals(await checkOneSide(3, { barriers: 2 }), 251_817);
});

Deno.test("Barrier that two barriers were placed on follows its rules in all programs of three calls in one turn", async () => {
  assertEquals(
    await checkOneSide(3, { barriers: 2, inOneTurn: true }),
    229_557,
  );
});

Deno.test("Barrier follows its rules in all pairs of programs of two calls, delivery by delivery", async () => {
  assertEquals(await checkDeliveries(2), 67_097);
});

Deno.test("Barrier.pair() follows its rules in all pairs of programs of two calls", async () => {
  assertEquals(await checkPairs(2, true), 105_228);
});

Deno.test("explore() runs each way that choices can go, once", async () => {
  const seen: string[] = [];
  const runs = await explore((choose) => {
    const first = choose(["a", "b"]);
    seen.push(first === "a" ? first + choose([1, 2, 3]) : first);
  });
  assertEquals(seen, ["a1", "a2", "a3", "b"]);
  assertEquals(runs, 4);
});
