// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Starts children that inherit a socket, up to the first byte that comes of it:
 * what one would write by hand in place of a barrier.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { serveStarts } from "./serve_starts.mjs";

await serveStarts(async () => {
  const child = spawn(
    Deno.execPath(),
    ["run", import.meta.resolve("./by_hand_child.ts")],
    { stdio: ["ignore", "inherit", "inherit", "pipe"] },
  );
  const exited = once(child, "exit");
  const socket = child.stdio[3] as Socket;
  await once(socket, "data");
  return () => {
    socket.end();
    return exited;
  };
});
