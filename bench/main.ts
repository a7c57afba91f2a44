// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Measures this module against what one would use, or write by hand, in its
 * place, and exits with 1 if a limit is missed. Everything is a ratio of two
 * times that were measured side by side: "1.05" is 5 % more than the peer.
 *
 * @module
 */

import { processes } from "./processes.ts";
import { tasks } from "./tasks.ts";
import { threads } from "./threads.ts";

function print(what: string, result: string, limit: string, ok: string): void {
  console.log(
    `${what.padEnd(77)} | ${result.padEnd(21)} | ${limit.padEnd(5)} | ${ok}`,
  );
}

let missed = false;
print("what", "ours / peer", "limit", "ok");
for (const rows of [processes, tasks, threads]) {
  for await (const { what, result, limit, ok } of rows()) {
    print(what, result, limit, ok === undefined ? "-" : ok ? "yes" : "no");
    if (ok === false) missed = true;
  }
}
Deno.exit(missed ? 1 : 0); // with workers that wait for the next round trip
