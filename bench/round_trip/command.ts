// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Round trips of a byte by the streams of `Deno.Command`, both sides of it.
 * Argument: the way ("step" or "strict").
 */

import { serveRoundTrips } from "../serve.mjs";

const BYTE = new Uint8Array(1);
const [way, side] = Deno.args as [string, string?];

if (side === "child") {
  const bytes = new Uint8Array(1);
  do {
    if (way === "step") await Deno.stdout.write(BYTE);
    if (await Deno.stdin.read(bytes) === null) break;
    if (way === "strict") await Deno.stdout.write(BYTE);
  } while (true);
} else {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", import.meta.url, way, "child"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.getReader();
  let unread = 0; // one chunk may hold the bytes of two rounds
  await serveRoundTrips(async () => {
    void writer.write(BYTE);
    if (unread === 0) unread = (await reader.read()).value?.length ?? 0;
    unread--;
  });
}
