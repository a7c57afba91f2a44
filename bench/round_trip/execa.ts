// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Round trips of a message by execa, both sides of it, under Deno. Argument: the
 * way ("step" or "strict").
 */

import { execa, getEachMessage, sendMessage } from "npm:execa@9.6.1";
import { serveRoundTrips } from "../serve.mjs";

const [way, side] = Deno.args as [string, string?];

if (side === "child") {
  const messages = getEachMessage();
  do {
    if (way === "step") void sendMessage(0);
    if ((await messages.next()).done) break;
    if (way === "strict") void sendMessage(0);
  } while (true);
} else {
  const child = execa(
    Deno.execPath(),
    ["run", "--allow-all", import.meta.url, way, "child"],
    { ipc: true, buffer: false, stdio: ["ignore", "inherit", "inherit"] },
  );
  const messages = child.getEachMessage();
  await serveRoundTrips(() => {
    void child.sendMessage(0);
    return messages.next();
  });
}
