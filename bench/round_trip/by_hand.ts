// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Round trips of a byte by `node:net`, both sides of it. Argument: the way
 * ("step" or "strict").
 */

import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { serveRoundTrips } from "../serve.mjs";
import { Signals } from "./signals.mjs";

const BYTE = new Uint8Array(1);
const [way, side] = Deno.args as [string, string?];

if (side === "child") {
  const socket = new Socket({ fd: 3 });
  const signals = signalsOf(socket);
  do {
    if (way === "step") socket.write(BYTE);
    if (!await signals.next()) break;
    if (way === "strict") socket.write(BYTE);
  } while (true);
  Deno.exit();
} else {
  const child = spawn(
    Deno.execPath(),
    ["run", "--allow-all", import.meta.url, way, "child"],
    { stdio: ["ignore", "inherit", "inherit", "pipe"] },
  );
  const socket = child.stdio[3] as Socket;
  const signals = signalsOf(socket);
  await serveRoundTrips(() => {
    socket.write(BYTE);
    return signals.next();
  });
}

function signalsOf(socket: Socket): Signals {
  const signals = new Signals();
  socket.on("data", (bytes: Uint8Array) => signals.arrive(bytes.length));
  socket.on("error", () => {}); // "close" follows
  socket.on("close", () => signals.end());
  return signals;
}
