// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers and completions in a browser, in one run for all tests. */

import { assertEquals } from "@std/assert";
import { Barrier } from "../barrier.ts";
import { type Reports, reportsOf } from "./_helpers/chromium.ts";
import { isInstalled } from "./_helpers/programs.ts";

const ignore = !isInstalled("chromium");
let reports: Promise<Reports> | undefined;

/** Defines a test of what a page in `testdata/browser` reports. */
function test(name: string, report: string, expected: unknown): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      reports ??= reportsOf("/plain.html", serve);
      assertEquals((await reports)[report], expected);
    },
  });
}

/** The server's side of a barrier with the page. */
async function serve(socket: WebSocket): Promise<void> {
  using barrier = Barrier.over(socket, { role: "child" });
  const note = await barrier.receive();
  barrier.place(`received: ${note}`);
  await barrier.receive();
  barrier.abort("disk full");
}

test("Barrier.over() joins a page and its worker", "page and worker", {
  ready: "ready",
  answer: "received: go on",
  more: false,
});

test(
  "Barrier.over() shows a page why its worker has aborted",
  "abort of a worker",
  {
    aborted: true,
    kind: "aborted",
    side: "peer",
    reason: "disk full",
  },
);

test("Barrier.over() joins two workers of a page", "two workers", [
  { synced: true, note: "from the child", reason: "enough" },
  { synced: true, note: "from the parent" },
]);

test("SharedCompletion joins a page and a worker that blocks", "completion", {
  asked: false,
  answered: false,
});

test("Barrier.over() joins a page and a Deno server by streams", "streams", {
  synced: true,
  note: "received: from the page",
  aborted: true,
  reason: "disk full",
});

test("Barrier.over() joins a page and a Deno server by a WebSocket", "socket", {
  synced: true,
  note: "received: from the page",
  aborted: true,
  reason: "disk full",
});

test(
  "SharedCompletion() names the headers that a page needs",
  "no isolation",
  "TypeError: Cannot share a completion: this page is not cross-origin isolated; serve it with the headers 'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: require-corp'",
);
