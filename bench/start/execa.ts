// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Starts children by execa, up to the first message. */

import { execa } from "npm:execa@9.6.1";
import { serveStarts } from "./serve_starts.mjs";

await serveStarts(async () => {
  const child = execa(
    Deno.execPath(),
    ["run", "--allow-all", import.meta.resolve("./execa_child.ts")],
    { ipc: true, buffer: false, stdio: ["ignore", "inherit", "inherit"] },
  );
  await child.getOneMessage();
  return async () => {
    await child.sendMessage(0);
    await child;
  };
});
