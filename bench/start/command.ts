// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Starts children by `Deno.Command`, up to the first byte of their stdout. */

import { serveStarts } from "./serve_starts.mjs";

await serveStarts(async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", import.meta.resolve("./byte_child.ts")],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return async () => {
    await child.stdin.close();
    await reader.cancel();
    await child.status;
  };
});
