// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { LineReader, type Message } from "../src/barrier/lines.ts";
import { pieces } from "./_helpers/pieces.ts";

const encoder = new TextEncoder();

Deno.test("LineReader reads the same, split anywhere", () => {
  const stream = encoder.encode(
    "\n+nöte\r\n\r\n+\nabort why\n",
  );
  for (let length = 1; length <= stream.length; length++) {
    const messages: Message[] = [];
    const reader = new LineReader(false);
    for (const piece of pieces(stream, [length])) {
      reader.read(piece, (message) => messages.push(message) > 0);
    }
    assertEquals(messages, [
      { kind: "barrier" },
      { kind: "barrier", note: "nöte" },
      { kind: "barrier" },
      { kind: "barrier", note: "" },
      { kind: "abort", reason: "why" },
    ]);
  }
});
