// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Stdin and stdout as a channel, in Node and Bun. */

import type { StandardStreams } from "./host.ts";
import { writeSync } from "node:fs";
import process from "node:process";

/**
 * Opens this process's stdin and stdout.
 *
 * What `console.log()` prints in Node goes to a queue if stdout is full, so a
 * barrier would overtake it, and `process.exit()` would discard it. Therefore stdout
 * is made blocking here, as it is in Deno and Bun.
 *
 * Remove `setBlocking()` when Node has an option for it (nodejs/node#784).
 */
export async function openNodeStreams(): Promise<StandardStreams> {
  const { stdout } = process as {
    stdout: typeof process.stdout & {
      _handle?: { setBlocking?(blocking: boolean): void };
    };
  };
  if (stdout.writableLength > 0) {
    await new Promise((resolve) => stdout.write("", resolve));
  }
  stdout._handle?.setBlocking?.(true);
  return new NodeStreams();
}

class NodeStreams implements StandardStreams {
  readonly #stdin = process.stdin;
  #onChange: (() => void) | undefined;
  #isOver = false;

  constructor() {
    const changed = () => this.#onChange?.();
    const over = () => {
      this.#isOver = true;
      changed();
    };
    this.#stdin.on("readable", changed).on("end", over);
    this.#stdin.on("error", over).on("close", over);
    this.unref();
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = this.#stdin.read();
      if (bytes !== null) return bytes;
      if (this.#isOver) return undefined;
      await new Promise<void>((resolve) => this.#onChange = resolve);
    }
  }

  write(bytes: Uint8Array): number {
    try {
      return writeSync(1, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
      throw error;
    }
  }

  close(): void {
    this.#stdin.destroy();
  }

  // A file has neither.
  ref(): void {
    this.#stdin.ref?.();
  }

  unref(): void {
    this.#stdin.unref?.();
  }
}
