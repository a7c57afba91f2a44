// Copyright 2026 the @ipc/barrier authors. MIT license.

import { builtin } from "./builtin.ts";
import { intoBuffer } from "./socket.ts";
import type { Socket } from "node:net";

/**
 * Reads a socket that `node:child_process` has just made in the same way.
 *
 * There is no option for that, neither in Deno nor in Node. So another socket
 * takes its handle over, before the event loop has read anything.
 *
 * Remove when `spawn()` can be told how to read.
 *
 * @param onRead Called with what arrives. The bytes are gone afterwards.
 * @returns The socket that has its place from now on.
 */
export function readDirectly(
  socket: Socket,
  onRead: (bytes: Uint8Array) => void,
): Socket {
  const { Socket } = builtin<typeof import("node:net")>("node:net");
  const owner = socket as unknown as { _handle: unknown };
  const { _handle: handle } = owner;
  owner._handle = null;
  const options = { handle, onread: intoBuffer(onRead) };
  return new Socket(options as ConstructorParameters<typeof Socket>[0]);
}
