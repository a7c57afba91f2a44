// Copyright 2026 the @ipc/barrier authors. MIT license.

import { builtin } from "./builtin.ts";
import { setTimeout } from "./timers.ts";

/** From how many bytes on it is worth finding out whether stdout takes them as one. */
const LARGE_WRITE = 16 * 1024;

/** The stdout of a process, as a file that can be opened on Linux. */
const STDOUT_FILE = "/proc/self/fd/1";

/** How many bytes of an unfinished line Deno's stdout keeps. */
const STDOUT_BUFFER = 1024;

/** How long, in milliseconds, an output that takes no bytes is left alone. */
const WRITE_RETRY = 10;

const LF = 0x0a;
const NOTHING = new Uint8Array(0);

/** What a program prints to: `Deno.stdout` or `Deno.stderr`. */
export interface StandardOutput {
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Writes bytes to this program's stdout or stderr, whole and once.
 *
 * Another process may have made it non-blocking, as Node does with what it
 * shares. Deno (since 1.0, denoland/deno#33069) then fails with `WouldBlock`, and
 * no event reports that there is room again.
 *
 * Of stdout it does not even say how much was written before, as it keeps the end
 * of an unfinished line in a small buffer. So it is given pieces that are taken
 * whole or not at all: what a pipe takes in one write, and lines that have ended.
 * Only a short piece after the last of these goes to the buffer. A piece takes Deno
 * as long as a large write. So many bytes go as one where that is safe: to a file,
 * which always has room, and to a pipe that can be opened once more.
 *
 * Remove when Deno waits for room by itself.
 */
export async function writeWhole(
  output: StandardOutput,
  bytes: Uint8Array,
): Promise<void> {
  const isLarge = output === Deno.stdout && bytes.length >= LARGE_WRITE;
  const pipe = isLarge ? openStdoutPipe() : undefined;
  const inPieces = output === Deno.stdout && !pipe && !(isLarge && isFile(1));
  try {
    for (let start = 0; start < bytes.length;) {
      const rest = bytes.subarray(start);
      const piece = inPieces ? firstPiece(rest) : rest;
      const isKept = inPieces && piece.length < STDOUT_BUFFER &&
        piece.at(-1) !== LF;
      start += await writePiece(pipe ?? output, piece, isKept);
    }
  } finally {
    pipe?.close();
  }
}

/**
 * Opens the pipe that stdout is once more, or returns `undefined` if that cannot be
 * done. Only this process decides whether this one blocks, and Deno reports exactly
 * how much it has taken.
 *
 * Deno allows that to a program with all permissions. A pipe that has a name is left
 * alone, because opening one waits for a reader.
 */
function openStdoutPipe(): Deno.FsFile | undefined {
  if (Deno.build.os !== "linux" || !mayOpen(STDOUT_FILE)) return undefined;
  try {
    if (!Deno.readLinkSync(STDOUT_FILE).startsWith("pipe:")) return undefined;
    return Deno.openSync(STDOUT_FILE, { write: true });
  } catch {
    return undefined; // not all permissions, or the pipe of another user
  }
}

/** Whether this program may read and write a file without being asked about it. */
function mayOpen(path: string): boolean {
  return (["read", "write"] as const).every((name) =>
    Deno.permissions.querySync({ name, path }).state === "granted"
  );
}

/** Whether a descriptor is a regular file. */
function isFile(fd: number): boolean {
  return builtin<typeof import("node:fs")>("node:fs").fstatSync(fd).isFile();
}

/** The lines at the beginning that fit a pipe, or the beginning of a longer one. */
function firstPiece(bytes: Uint8Array): Uint8Array {
  // PIPE_BUF, what a pipe takes whole or not at all.
  const most = bytes.subarray(0, Deno.build.os === "linux" ? 4096 : 512);
  const lines = most.lastIndexOf(LF) + 1;
  return lines > 0 ? most.subarray(0, lines) : most;
}

async function writePiece(
  output: StandardOutput,
  piece: Uint8Array,
  isKept: boolean,
): Promise<number> {
  for (let rest = piece;;) {
    try {
      const written = await output.write(rest);
      return rest === piece ? written : piece.length;
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      if (isKept) rest = NOTHING; // which sends what is in the buffer
      await new Promise<void>((resolve) => setTimeout(resolve, WRITE_RETRY));
    }
  }
}
