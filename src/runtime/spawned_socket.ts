// Copyright 2026 the @ipc/barrier authors. MIT license.

import { builtin } from "./builtin.ts";
import { intoBuffer } from "./socket.ts";
import { setImmediate } from "./timers.ts";
import type { Socket } from "node:net";

/**
 * Reads a socket that `node:child_process` has just made in the same way.
 *
 * There is no option for that, neither in Deno nor in Node. So another socket
 * takes its handle over, before the event loop has read anything.
 *
 * Remove when `spawn()` has an option for it.
 *
 * @param onRead Called with what arrives. The bytes are gone afterwards. It stops
 * reading by returning `false`, until `resume()` of the socket is called.
 * @returns The socket to use instead.
 */
export function readDirectly(
  socket: Socket,
  onRead: (bytes: Uint8Array) => boolean | void,
): Socket {
  const { Socket } = builtin<typeof import("node:net")>("node:net");
  const owner = socket as unknown as { _handle: unknown };
  const { _handle: handle } = owner;
  owner._handle = null;
  socket.destroy();
  const options = { handle, onread: intoBuffer(onRead) };
  return new Socket(options as ConstructorParameters<typeof Socket>[0]);
}

/**
 * Makes Deno read a socket, whether or not the event loop knows that there is
 * something to read, and resolves when it has.
 *
 * The event loop may report the exit of a process before it has asked the system
 * about that process's pipes, and neither time nor a turn of the loop proves that
 * it has asked. But in the next turn Deno reads each pipe whose reading was
 * started, without asking (2.8.2 and later, `poll_pipe_handle()` in
 * libs/core/uv_compat/pipe.rs), and it reads up to 2 MiB or all that is there.
 * `setImmediate()` comes after that. It is called twice because the first call
 * may belong to a turn that is past its reads.
 *
 * Remove when Deno reports an exit after what the process wrote.
 *
 * @param socket A socket on a pipe or a local socket, not on Windows.
 */
export async function readAgain(socket: Socket): Promise<void> {
  const { _handle: handle } = socket as unknown as {
    _handle:
      | { reading: boolean; readStart(): void; readStop(): void }
      | null;
  };
  if (handle === null) return;
  handle.readStop();
  handle.reading = true;
  handle.readStart();
  for (let turn = 0; turn < 2; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
