// Copyright 2026 the @ipc/barrier authors. MIT license.

import { ended, isEnded, READ_BUFFER } from "./socket.ts";
import { readAgain } from "./spawned_socket.ts";
import { within } from "./timers.ts";
import type { Socket } from "node:net";

/** The most that a pipe or a socket holds, unless an administrator raised it. */
const KERNEL_BUFFER_MAX = 1024 * 1024;

/**
 * How long, in milliseconds, Windows may take to deliver the end of a pipe. It
 * reports an exit before the last bytes, and only the end shows that it has
 * delivered them all.
 */
const WINDOWS_END_MAX = 2_000;

/**
 * Waits until everything that a process wrote before it exited has been read.
 * The kernel holds all of it when the exit is reported. So it has been read when
 * a read that began after the exit finds the end, or less than it asked for.
 * Another process can hold the pipe open and write to it, which delays nothing.
 *
 * @param socket The pipe, whose reader takes everything.
 */
export async function drained(socket: Socket): Promise<void> {
  if (Deno.build.os === "windows") {
    return await within(WINDOWS_END_MAX, ended(socket), { persistent: true });
  }
  const most = socket.bytesRead + KERNEL_BUFFER_MAX;
  let before: number;
  do {
    if (isEnded(socket)) return;
    before = socket.bytesRead;
    await readAgain(socket);
  } while (
    socket.bytesRead - before >= READ_BUFFER && socket.bytesRead < most
  );
}
