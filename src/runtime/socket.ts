// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Sockets of `node:net`, as both sides of a channel need them. A child loads this,
 * so what only a parent needs stands in other files.
 */

import { hostError, ipcFd, isBun, isDeno } from "./host.ts";
import type { OnReadOpts, Socket } from "node:net";

/** How many bytes one read takes at most. */
export const READ_BUFFER: number = 64 * 1024;

/** The descriptor that a Deno process holds itself, unless it inherited it. */
const FIRST_FD = 3;

/**
 * Opens a socket or a pipe that this process has inherited.
 *
 * What arrives is read into one buffer, and does not go through a Node stream,
 * which takes longer than the system call.
 *
 * A number that was not inherited may be one of Deno's own descriptors, and Deno
 * panics when a program closes the one that wakes it up for signals (2.8 and
 * later). Deno's first descriptor is not a socket, so 3 is safe. Of others, Deno
 * knows those that another Deno handed on (denoland/deno#34133, in 2.9), or that
 * the variable DENO_EXTRA_STDIO_FDS names, and only these can be asked for their
 * status.
 *
 * Node's own descriptors, from 3 on, are not sockets.
 *
 * A socket that listens opens as well, and fails at its first read.
 *
 * Remove when Deno refuses descriptors of its own, and sockets that listen.
 *
 * @param onRead Called with what arrives, never before the socket is returned.
 * The bytes are gone afterwards. It stops reading by returning `false`, until
 * `resume()` of the socket is called.
 *
 * @throws {Deno.errors.NotFound} If the descriptor is the IPC channel of a program
 * that another one has forked.
 * @throws {Deno.errors.BadResource} If the descriptor is not inherited, or it is
 * neither a pipe nor a connected socket.
 */
export async function openInheritedSocket(
  fd: number,
  onRead: (bytes: Uint8Array) => boolean | void,
): Promise<Socket> {
  const { Socket } = await import("node:net");
  if (fd === ipcFd()) {
    throw hostError(
      "NotFound",
      `Cannot inherit a barrier: file descriptor ${fd} is the IPC channel of the program that forked this one; use the channel "stdio", or another descriptor`,
    );
  }
  try {
    if (fd !== FIRST_FD) {
      const { fstatSync } = await import("node:fs");
      const isSocket = fstatSync(fd).isSocket();
      if (!isDeno && !isSocket) throw new Error("it is not a socket");
    }
    if (isBun()) {
      const { connectInBun } = await import("./bun_socket.ts");
      return await connectInBun(fd, onRead);
    }
    const socket = new Socket({ fd, onread: intoBuffer(onRead) });
    if (!listens(socket)) return socket;
    socket.destroy();
    throw new Error("it is a socket that listens");
  } catch (cause) {
    throw hostError(
      "BadResource",
      `Cannot inherit a barrier: file descriptor ${fd} is not a pipe or a connected socket; if a program between this one and its parent closed it (npm, python3, sudo), use the channel "stdio"`,
      { cause },
    );
  }
}

/** One for all sockets, as nothing that was read is kept. */
let readBuffer: Uint8Array<ArrayBuffer> | undefined;

/**
 * Returns the options of a socket that is read into one buffer.
 *
 * @param onRead Called with what arrives. It stops reading by returning `false`,
 * until `resume()` of the socket is called.
 */
export function intoBuffer(
  onRead: (bytes: Uint8Array) => boolean | void,
): OnReadOpts {
  return {
    buffer: readBuffer ??= new Uint8Array(READ_BUFFER),
    callback: (length, buffer) => onRead(buffer.subarray(0, length)) !== false,
  };
}

/** What `listen()` returns for a socket that already listens. */
const LISTENS = [0, -17]; // -EEXIST

/** Whether a socket listens. Trying to listen is the only way to find out. */
function listens(socket: Socket): boolean {
  const { _handle: handle } = socket as unknown as {
    _handle: { listen(backlog: number): number };
  };
  return LISTENS.includes(handle.listen(1));
}

/** Resolves when a socket has delivered its last byte, or was destroyed. */
export function ended(socket: Socket): Promise<void> {
  if (isEnded(socket)) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once("end", resolve);
    socket.once("close", () => resolve());
  });
}

/** Whether a socket delivers no more bytes. */
export function isEnded(socket: Socket): boolean {
  return socket.destroyed || socket.readableEnded;
}

/**
 * Keeps the event loop alive by a socket while there is a reason to.
 *
 * `ref()` and `unref()` of a Node socket that was destroyed wait for a
 * connection that it will never have, one listener a call, and Node warns of a
 * leak after ten of them. Node itself does the same.
 */
export class SocketReference {
  static readonly #all = new WeakMap<Socket, SocketReference>();
  readonly #socket: Socket;
  readonly #reasons = new Set<string>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.unref();
  }

  /** Returns the reference of a socket, at first without a reason. */
  static of(socket: Socket): SocketReference {
    let reference = SocketReference.#all.get(socket);
    if (reference === undefined) {
      reference = new SocketReference(socket);
      SocketReference.#all.set(socket, reference);
    }
    return reference;
  }

  /** Adds a reason, or takes it back. */
  hold(reason: string, held: boolean): void {
    const { size } = this.#reasons;
    if (held) this.#reasons.add(reason);
    else this.#reasons.delete(reason);
    if (this.#socket.destroyed) return;
    if (size === 0 && held) this.#socket.ref();
    if (size === 1 && this.#reasons.size === 0) this.#socket.unref();
  }
}

/**
 * Keeps a socket from being destroyed by a write that fails, and reports whether a
 * write waits for room in the kernel's buffer.
 *
 * A Node socket is destroyed by a failed write together with what could still be
 * read from it, so the peer's last messages would be lost; Node itself does
 * the same. Here the failure is left to the end of what can be read.
 */
export function watchWrites(
  socket: Socket,
  onChange: (writing: boolean) => void,
): void {
  let writing = false;
  const change = (value: boolean) => {
    if (value === writing) return;
    writing = value;
    onChange(writing);
  };
  const watched = (write: (done: () => void) => void, done: () => void) => {
    let written = false;
    write(() => {
      written = true;
      done();
      if (socket.writableLength === 0) change(false);
    });
    if (!written) change(true);
  };
  const write = socket._write;
  const writev = socket._writev!;
  socket._write = (chunk, encoding, callback) =>
    watched((done) => write.call(socket, chunk, encoding, done), callback);
  socket._writev = (chunks, callback) =>
    watched((done) => writev.call(socket, chunks, done), callback);
  socket.on("error", () => {}); // "close" follows
}
