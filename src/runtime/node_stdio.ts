// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Stdin and stdout as a channel, in Node and Bun. */

import { Buffer } from "node:buffer";
import { writeSync } from "node:fs";
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { Writable } from "node:stream";
import { hostError, isBun, type StandardStreams, writeAll } from "./host.ts";

/**
 * Opens this process's stdin and stdout.
 *
 * What `console.log()` prints in Node, and `process.stdout.write()` in both, goes to
 * a queue if stdout is full. So a barrier would overtake it, and `process.exit()`
 * would discard it. Therefore stdout is made blocking here, as it is in Deno.
 *
 * Any program below this one that shares stdout can make it non-blocking again, and
 * Node does so when it starts. Therefore each write is also repeated here until
 * stdout has taken everything.
 *
 * Remove both when they have an option for a blocking stdout (nodejs/node#784).
 *
 * @throws {Deno.errors.NotFound} In a thread of `node:worker_threads`, whose stdin is
 * a stream of its own.
 */
export async function openNodeStreams(): Promise<StandardStreams> {
  if (!isMainThread) {
    throw hostError(
      "NotFound",
      'Cannot inherit a barrier: a thread has no stdin of the process; call inheritBarrier() in the main thread, or use the channel "fd"',
    );
  }
  const { stdout } = process as {
    stdout: typeof process.stdout & {
      _handle?: { setBlocking?(blocking: boolean): void };
    };
  };
  while (stdout.writableLength > 0) {
    await new Promise((resolve) => stdout.write("", resolve));
  }
  stdout._handle?.setBlocking?.(true);
  const streams = new NodeStreams();
  const write: typeof stdout._write = (data, encoding, done) => {
    try {
      const isText = typeof data === "string";
      writeAll(streams, isText ? Buffer.from(data, encoding) : data);
      done();
    } catch (error) {
      done(error as Error);
    }
  };
  Object.assign(stdout, { _write: write, _writev: null });
  if (isBun()) stdout.write = Writable.prototype.write; // its own skips `_write`
  return streams;
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
      const data: Uint8Array | string | null = this.#stdin.read();
      // Text if the program has called `setEncoding()`.
      if (typeof data === "string") {
        return Buffer.from(data, this.#stdin.readableEncoding ?? "utf8");
      }
      if (data !== null) return data;
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
