// Copyright 2026 the @ipc/barrier authors. MIT license.

import { encode } from "../barrier/lines.ts";

/**
 * Makes bytes of what a stream or a port brings. What is neither bytes nor text
 * becomes a line that the barrier will find to be a violation.
 */
export function toBytes(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (typeof data === "string") return encode(data);
  return encode(`${Object.prototype.toString.call(data)}\n`);
}
