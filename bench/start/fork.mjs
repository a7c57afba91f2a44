// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Starts children by `fork()`, up to the first message, under Deno or Node. */

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { serveStarts } from "./serve_starts.mjs";

const module = fileURLToPath(new URL("fork_child.mjs", import.meta.url));

await serveStarts(async () => {
  const child = fork(module, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  await once(child, "message");
  return () => {
    child.disconnect();
    return exited;
  };
});
