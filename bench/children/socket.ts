// Copyright 2026 the @ipc/barrier authors. MIT license.

import { Socket } from "node:net";

const BYTE = new Uint8Array(1);

/** What one would write by hand in place of `placeAndSync`. */
export class Peer {
  readonly #socket: Socket;
  #arrived = 0;
  #wake: ((open: boolean) => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      this.#arrived += bytes.length;
      if (this.#wake === undefined) return;
      this.#arrived--;
      this.#wake(true);
      this.#wake = undefined;
    });
    socket.once("end", () => this.#wake?.(false));
    socket.on("error", () => {}); // a reset by a peer that was killed
  }

  /** Sends a byte, and waits for one. */
  exchange(): Promise<boolean> {
    this.#socket.write(BYTE);
    if (this.#arrived > 0) {
      this.#arrived--;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => this.#wake = resolve);
  }
}

if (import.meta.main) {
  const parent = new Peer(new Socket({ fd: 3 }));
  while (await parent.exchange());
}
