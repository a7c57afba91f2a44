// Copyright 2026 the @ipc/barrier authors. MIT license.

/** How `deno task test` divides the files of tests, and adds up what they print. */

import { assertEquals, assertFalse, assertMatch } from "@std/assert";
import { divide, Summary } from "../tools/test.ts";

/** Summarizes what processes printed that exited with 0, or with 1. */
function summarize(...results: [code: number, output: string][]): Summary {
  const summary = new Summary();
  for (const [code, output] of results) {
    summary.add(["test", "a_test.ts"], { code, output });
  }
  return summary;
}

/** The last line without the time. */
function lastLine(summary: Summary): string {
  return summary.toString().split("\n").at(-1)!.replace(/ \(.*\)$/, "");
}

Deno.test("divide() gives each file to one process, and the largest to different ones", () => {
  const files = Array.from(
    { length: 10 },
    (_, i) => ({ path: `${i}`, size: i }),
  );
  assertEquals(divide(files), [
    ["9", "7", "5", "3", "1"],
    ["8", "6", "4", "2", "0"],
  ]);
});

Deno.test("divide() begins with a file that takes long, whatever its size", () => {
  const slow = { path: "tests/npm_consumer_test.ts", size: 1 };
  const files = [2, 3, 4].map((size) => ({ path: `${size}`, size }));
  assertEquals(divide([...files, slow]), [[slow.path, "4", "3", "2"]]);
});

Deno.test("divide() depends on nothing but the files", () => {
  const files = ["a", "b", "c", "d", "e"].map((path) => ({ path, size: 1 }));
  assertEquals(divide(files.toReversed()), divide(files));
});

Deno.test("Summary adds up the last lines of all processes", () => {
  const summary = summarize(
    [
      0,
      "ok | 9 passed | 9 failed (1s)\nok | 3 passed (2 steps) | 0 failed (1s)",
    ],
    [0, "\x1b[32mok\x1b[0m | 4 passed | 0 failed | 2 ignored\x1b[0m (1s)"],
    [0, ""],
  );
  assertEquals(lastLine(summary), "ok | 7 passed | 0 failed | 2 ignored");
});

Deno.test("Summary names the tests that failed", () => {
  const summary = summarize(
    [0, "ok | 4 passed | 0 failed (1s)"],
    [
      1,
      "a ... FAILED\n FAILURES \n\nfirst => a_test.ts\n\nFAILED | 1 passed | 2 failed (1s)",
    ],
  );
  assertFalse(summary.succeeded);
  assertMatch(summary.toString(), /FAILURES[^]+first => a_test\.ts/);
  assertEquals(lastLine(summary), "FAILED | 5 passed | 2 failed");
});

Deno.test("Summary counts a process that ended without a last line as a failure", () => {
  const summary = summarize([0, "ok | 4 passed | 0 failed (1s)"], [143, "run"]);
  assertMatch(summary.toString(), /deno test a_test\.ts: exit code 143/);
  assertEquals(lastLine(summary), "FAILED | 4 passed | 1 failed");
});
