// Copyright 2026 the @ipc/barrier authors. MIT license.

import { ended, isEnded } from "./socket.ts";
import { within } from "./timers.ts";
import type { Socket } from "node:net";

/** The most that a pipe or a socket holds, unless an administrator raised it. */
const KERNEL_BUFFER_MAX = 1024 * 1024;

/**
 * How long, in milliseconds, nothing has to come of a pipe that another process
 * holds open. On Linux no time would do; Windows tells of an exit earlier than
 * of the last bytes.
 */
const QUIET = 50;

/**
 * Waits until all that a process wrote before it exited has been read: to the
 * end or, where other processes hold the pipe open and may go on writing, until
 * nothing came for a while, or as much came as there can have been. It is read
 * even where the reader is behind.
 */
export async function drained(socket: Socket): Promise<void> {
  if (isEnded(socket)) return;
  const goOn = () => socket.resume();
  socket.on("data", goOn);
  goOn();
  const over = ended(socket);
  const most = socket.bytesRead + KERNEL_BUFFER_MAX;
  for (let before = -1; before < socket.bytesRead && before < most;) {
    before = socket.bytesRead;
    await within(QUIET, over, { persistent: true });
    if (isEnded(socket)) break;
    // A loop that was busy until now has not looked for data since.
    for (let turn = 0; turn < 2; turn++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
  socket.off("data", goOn);
}
