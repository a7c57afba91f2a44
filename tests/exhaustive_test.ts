// Copyright 2026 the @ipc/barrier authors. MIT license.

/** All that can happen within two calls. `deno task soak` makes more. */

import { assertEquals } from "@std/assert";
import {
  checkDeliveries,
  checkOneSide,
  checkPairs,
  explore,
} from "./_helpers/exhaustive.ts";

for (
  const { barriers, inOneTurn, runs } of [
    { barriers: 0, inOneTurn: false, runs: 3_947 },
    { barriers: 0, inOneTurn: true, runs: 4_910 },
    { barriers: 2, inOneTurn: false, runs: 4_746 },
    { barriers: 2, inOneTurn: true, runs: 6_100 },
  ]
) {
  const how = inOneTurn ? ", in one turn" : "";
  Deno.test(`Barrier follows its rules in all programs of two calls after ${barriers} barriers${how}`, async () => {
    assertEquals(await checkOneSide(2, { barriers, inOneTurn }), runs);
  });
}

Deno.test("Barrier follows its rules in all pairs of programs of two calls, delivery by delivery", async () => {
  assertEquals(await checkDeliveries(2), 67_097);
});

Deno.test("Barrier.pair() follows its rules in all pairs of programs of two calls", async () => {
  assertEquals(await checkPairs(2, false), 26_488);
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
