// Copyright 2026 the @ipc/barrier authors. MIT license.

import { SocketReference } from "../runtime/socket.ts";
import type { Socket } from "node:net";

/** A child's stdin, as a stream for the caller. */
export class ChildInput {
  readonly stream: WritableStream<Uint8Array>;
  readonly #reference: SocketReference;

  constructor(socket: Socket) {
    this.#reference = SocketReference.of(socket);
    socket.on("error", () => {}); // the write reports it
    this.stream = new WritableStream({
      write: (bytes) =>
        new Promise((resolve, reject) => {
          socket.write(bytes, (cause) => {
            if (!cause) return resolve();
            const message = `Cannot write to stdin: ${cause.message}`;
            reject(new Deno.errors.BrokenPipe(message, { cause }));
          });
        }),
      close: () => {
        if (socket.closed) return;
        return new Promise((resolve) => {
          socket.once("close", resolve); // also if the child has exited
          socket.end();
        });
      },
      abort: () => {
        socket.destroy();
      },
    });
  }

  /**
   * Sets whether this process stays alive for what is being written.
   *
   * @param held Whether it does.
   */
  hold(held: boolean): void {
    this.#reference.hold("input", held);
  }
}
