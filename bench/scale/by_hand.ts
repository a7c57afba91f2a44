// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Phases over many children by a byte each way, both sides of it. Argument: their
 * number.
 */

import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { Signals } from "../round_trip/signals.mjs";
import { servePhases } from "./serve_phases.mjs";

const BYTE = new Uint8Array(1);

if (Deno.args[0] === "child") {
  const roundTrip = exchange(new Socket({ fd: 3 }));
  while (await roundTrip());
} else {
  await servePhases(() => {
    const child = spawn(
      Deno.execPath(),
      ["run", import.meta.url, "child"],
      { stdio: ["ignore", "inherit", "inherit", "pipe"] },
    );
    return exchange(child.stdio[3] as Socket);
  });
}

function exchange(socket: Socket): () => Promise<boolean> {
  const signals = new Signals();
  socket.on("data", (bytes: Uint8Array) => signals.arrive(bytes.length));
  socket.on("error", () => {}); // "close" follows
  socket.on("close", () => signals.end());
  return () => {
    socket.write(BYTE);
    return signals.next();
  };
}
