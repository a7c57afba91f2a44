// Copyright 2026 the @ipc/barrier authors. MIT license.

// Tests that share a server. It starts once, when the module is loaded, is ready
// when the first test runs, and is stopped after the last one.
//
//     deno test --allow-run --allow-env --allow-net --sanitize-ops --sanitize-resources examples/tests.ts

import { spawnWithBarrier } from "@ipc/barrier";

const server = spawnWithBarrier(import.meta.resolve("./server.ts"), {
  args: ["child"],
  permissions: { net: ["127.0.0.1"] },
});
const url = `http://127.0.0.1:${await server.ready()}/`;

Deno.test.afterAll(() => server.stop());

Deno.test("The server says hello", async () => {
  const response = await fetch(url);
  const text = await response.text();
  if (text !== "Hello") throw new Error(`It says ${text}`);
});

Deno.test("The server says so again", async () => {
  const { status, body } = await fetch(url);
  await body?.cancel();
  if (status !== 200) throw new Error(`It answers with ${status}`);
});
