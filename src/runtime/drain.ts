// Copyright 2026 the @ipc/barrier authors. MIT license.

import { ended, isEnded } from "./socket.ts";
import { readAgain } from "./spawned_socket.ts";
import { now, within } from "./timers.ts";
import type { Socket } from "node:net";

/** The most that a pipe or a socket holds, unless an administrator raised it. */
const KERNEL_BUFFER_MAX = 1024 * 1024;

/**
 * How long, in milliseconds, a program that a child left behind, and that writes
 * on, is read at most.
 */
const LEFTOVER_MAX = 200;

/**
 * How long, in milliseconds, Windows may take to deliver the end of a pipe. It
 * reports an exit before the last bytes, and only the end shows that it has
 * delivered them all.
 */
const WINDOWS_END_MAX = 2_000;

/**
 * Waits until everything that a process wrote before it exited has been read.
 * The kernel holds all of it when the exit is reported, so it has been read
 * when a read that began after the exit finds the end, or nothing. It finds
 * nothing if another process holds the pipe open and may write to it.
 *
 * @param socket The pipe, whose reader takes everything.
 */
export async function drained(socket: Socket): Promise<void> {
  if (Deno.build.os === "windows") {
    return await within(WINDOWS_END_MAX, ended(socket), { persistent: true });
  }
  const deadline = now() + LEFTOVER_MAX;
  const most = socket.bytesRead + KERNEL_BUFFER_MAX;
  let before: number;
  do {
    if (isEnded(socket)) return;
    before = socket.bytesRead;
    await readAgain(socket);
  } while (
    socket.bytesRead > before && socket.bytesRead < most && now() < deadline
  );
}
