// Copyright 2026 the @ipc/barrier authors. MIT license.

import { once } from "node:events";
import { Socket } from "node:net";

/**
 * Opens a socket that this process has inherited, in Bun.
 *
 * There, `new Socket({ fd })` of a socket neither reads nor writes (1.4,
 * oven-sh/bun#35341), and `connect()` takes a descriptor. It ignores `onread`.
 *
 * Remove when `new Socket({ fd, onread })` works in Bun.
 *
 * @param onRead Called with what arrives, never before the socket is returned.
 * It stops reading by returning `false`, until `resume()` of the socket is called.
 */
export async function connectInBun(
  fd: number,
  onRead: (bytes: Uint8Array) => boolean | void,
): Promise<Socket> {
  const socket = new Socket();
  const connected = once(socket, "connect"); // which can be emitted in the call
  socket.connect({ fd } as unknown as { path: string });
  await connected;
  socket.on("data", (bytes) => {
    if (onRead(bytes) === false) socket.pause();
  });
  return socket;
}
