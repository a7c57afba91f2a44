// Copyright 2026 the @ipc/barrier authors. MIT license.

import { run } from "./run.ts";

/** A directory that is removed, with all that is in it, when it is disposed of. */
export class TempDir implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TempDir> {
    return new TempDir(await Deno.makeTempDir());
  }

  /** Makes a named pipe in it, and returns the path of that. */
  async makeFifo(): Promise<string> {
    const fifo = `${this.path}/fifo`;
    const { code, stderr } = await run(["mkfifo", fifo]);
    if (code !== 0) throw new Error(stderr);
    return fifo;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await Deno.remove(this.path, { recursive: true });
    } catch (error) {
      // Windows removes nothing that a process that has just ended had open.
      if (Deno.build.os !== "windows") throw error;
    }
  }
}
