// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * What carries a barrier between processes, for the side that spawns and the
 * side that inherits.
 *
 * "fd" is a socket pair, the child's end of it file descriptor 3. `Deno.Command`
 * cannot hand a descriptor on, so the child is started by `node:child_process`,
 * which can, and both sides go through `node:net`, whose writes reach the kernel
 * before they return: a barrier that was placed arrives even if `Deno.exit` is
 * the next call.
 *
 * "stdio" is for where no descriptor can be handed on: across `ssh`, into a
 * container, on Windows. The child's stdin and stdout are the channel, as with
 * language servers, and the child then prints to stderr. It starts sooner, for
 * it needs no module of Node's.
 */

import type {
  BarrierAbortedError,
  BarrierChannel,
  BarrierReceiver,
} from "./barrier.ts";
import type { Socket } from "node:net";

/**
 * What carries the barrier between two processes.
 *
 * - `"fd"`: a socket pair, the child's end of it file descriptor 3.
 * - `"stdio"`: the child's stdin and stdout, where no descriptor can be handed
 *   on: across `ssh`, into a container, on Windows, to a Deno before 2.8. The
 *   child then prints to stderr.
 */
export type BarrierChannelKind = "fd" | "stdio";

/** The descriptor that a child inherits. */
export const CHANNEL_FD = 3;

/** Where a child finds what carries its barrier. */
export const CHANNEL_VARIABLE = "BARRIER_CHANNEL";

/** Where a program finds the counter of the one that became it by `exec`. */
export const STATE_VARIABLE = "BARRIER_STATE";

export const DEFAULT_CHANNEL: BarrierChannelKind = Deno.build.os === "windows"
  ? "stdio"
  : "fd";

/** The most that a pipe or a socket holds, unless an administrator raised it. */
export const KERNEL_BUFFER_MAX = 1024 * 1024;

/** A channel over one socket, or over two pipes. */
export class SocketChannel implements BarrierChannel {
  /**
   * Writes of one turn that go to the kernel one by one. Each takes hundreds of
   * bytes of the socket's buffer, so the barriers that a loop places by the
   * thousand would soon find it full; what exceeds this goes together.
   */
  static readonly WRITES_PER_TURN = 64;

  readonly acceptsText: boolean;
  readonly #readable: Socket;
  readonly #writable: Socket;
  /** What to do at the end of what the peer sent. */
  onEnd: () => void = () => this.hangUp();
  #receiver: BarrierReceiver | undefined;
  /** Why the channel keeps the event loop alive: a wait, a write under way. */
  #wanted = false;
  #writing = false;
  #writes = 0;
  #held = new Uint8Array(0);
  #heldLength = 0;

  constructor(readable: Socket, writable: Socket, acceptsText: boolean) {
    this.#readable = readable;
    this.#writable = writable;
    this.acceptsText = acceptsText;
    readable.on("error", () => {}); // "close" follows
    watchWrites(writable, (writing) => {
      if (writing === this.#writing) return; // as for nearly every write
      this.#writing = writing;
      this.#keepAlive();
    });
  }

  open(receiver: BarrierReceiver): void {
    this.#receiver = receiver;
    this.#readable.on("data", (bytes: Uint8Array) => {
      this.#receiver?.receive(bytes);
    });
    this.#readable.once("end", () => this.onEnd());
    this.#readable.once("close", () => this.onEnd());
    this.#keepAlive();
  }

  send(bytes: Uint8Array): void {
    if (this.#writes === 0) queueMicrotask(this.#flush);
    if (this.#writes++ < SocketChannel.WRITES_PER_TURN) this.#write(bytes);
    else this.#hold(bytes);
  }

  #hold(bytes: Uint8Array): void {
    if (this.#heldLength === 0) {
      addEventListener("unload", this.#flush);
      addEventListener("error", this.#flush);
    }
    const length = this.#heldLength + bytes.length;
    if (length > this.#held.length) {
      const grown = new Uint8Array(Math.max(2 * length, 4_096));
      grown.set(this.#held);
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldLength);
    this.#heldLength = length;
  }

  /** The end of a turn, or of the process, by itself or by an error. */
  readonly #flush = (): void => {
    this.#writes = 0;
    if (this.#heldLength === 0) return;
    removeEventListener("unload", this.#flush);
    removeEventListener("error", this.#flush);
    this.#write(this.#held.subarray(0, this.#heldLength));
    this.#held = new Uint8Array(0);
    this.#heldLength = 0;
  };

  #write(bytes: Uint8Array): void {
    if (this.#writable.writable) this.#writable.write(bytes);
  }

  /** Waits until what the peer had sent at the time of the call was received. */
  async drain(): Promise<void> {
    await drained(this.#readable);
  }

  /** Tells that the peer is gone. */
  hangUp(error?: BarrierAbortedError): void {
    this.#readable.destroy();
    this.#writable.destroy();
    this.#receiver?.hangUp(error);
    this.#receiver = undefined;
  }

  close(): void {
    this.#flush();
    this.#receiver = undefined;
    this.#writable.destroySoon();
  }

  ref(): void {
    this.#wanted = true;
    this.#keepAlive();
  }

  unref(): void {
    this.#wanted = false;
    this.#keepAlive();
  }

  #keepAlive(): void {
    if (this.#writing) this.#writable.ref();
    else this.#writable.unref();
    if (this.#wanted) this.#readable.ref();
    else if (this.#readable !== this.#writable) this.#readable.unref();
  }
}

/** The channel of a child whose stdin and stdout it is. */
export class StdioChannel implements BarrierChannel {
  readonly #buffer = new Uint8Array(64 * 1024);
  #receiver: BarrierReceiver | undefined;
  #wanted = false;
  #watched = false;
  #reading = false;

  constructor() {
    printToStderr();
  }

  open(receiver: BarrierReceiver): void {
    this.#receiver = receiver;
  }

  send(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0;) {
      try {
        rest = rest.subarray(Deno.stdout.writeSync(rest));
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) return; // it is gone
      }
    }
  }

  close(): void {
    this.#receiver = undefined;
    for (const stream of [Deno.stdin, Deno.stdout]) {
      try {
        stream.close();
      } catch {
        // The program has closed it already.
      }
    }
  }

  ref(): void {
    this.#wanted = true;
    this.#read();
  }

  unref(): void {
    this.#wanted = false;
  }

  watch(): void {
    this.#watched = true;
    this.#read();
  }

  /**
   * Reads while somebody wants to know. A read that is under way cannot be taken
   * back, and keeps the process alive.
   */
  async #read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    while (this.#receiver && (this.#wanted || this.#watched)) {
      const read = await Deno.stdin.read(this.#buffer).catch(() => null);
      if (read === null) {
        this.#receiver?.hangUp();
        this.#receiver = undefined;
      } else {
        this.#receiver?.receive(this.#buffer.subarray(0, read));
      }
    }
    this.#reading = false;
  }
}

/** Keeps the console away from stdout, which is the channel. */
function printToStderr(): void {
  const { error } = console;
  console.log =
    console.info =
    console.debug =
    console.dirxml =
      error;
  console.dir = (value, options) => error(Deno.inspect(value, options));
  for (const method of FORMATTING_METHODS) {
    console[method] = (...args: unknown[]) => printFormatted(method, args);
  }
}

/** What formats its own output does so in a console of Node's. */
const FORMATTING_METHODS = [
  "clear",
  "count",
  "countReset",
  "table",
  "time",
  "timeEnd",
  "timeLog",
] as const;

let stderrConsole: Console | undefined;

function printFormatted(
  method: typeof FORMATTING_METHODS[number],
  args: unknown[],
): void {
  stderrConsole ??= new (builtin<typeof import("node:console")>("node:console"))
    // deno-lint-ignore no-process-global -- importing it would load it for all
    .Console(process.stderr);
  Reflect.apply(stderrConsole[method], stderrConsole, args);
}

/**
 * Tells whether a write waits for room in the kernel's buffer, and keeps the
 * socket from being destroyed by a write that fails: what the peer sent before
 * it went away is still to come, and then the end.
 */
function watchWrites(
  socket: Socket,
  onChange: (writing: boolean) => void,
): void {
  const watched = (write: (done: () => void) => void, done: () => void) => {
    let written = false;
    write(() => {
      written = true;
      done();
      if (socket.writableLength === 0) onChange(false);
    });
    if (!written) onChange(true);
  };
  const write = socket._write;
  const writev = socket._writev!;
  socket._write = (chunk, encoding, callback) =>
    watched((done) => write.call(socket, chunk, encoding, done), callback);
  socket._writev = (chunks, callback) =>
    watched((done) => writev.call(socket, chunks, done), callback);
  socket.on("error", () => {}); // "close" follows
}

/**
 * Waits until what was in a socket or a pipe at the time of the call has been
 * read, though other processes may go on writing to it.
 *
 * The event loop asks the kernel once a turn and reads what there is, and a
 * turn may be under way now. So if nothing came in two turns there was nothing;
 * and a kernel buffer's worth of bytes is all that there can have been.
 *
 * @returns How many bytes were read.
 */
export async function drained(
  socket: Socket,
  most = KERNEL_BUFFER_MAX,
): Promise<number> {
  const { setImmediate } = builtin<typeof import("node:timers")>("node:timers");
  let read = 0;
  const count = (bytes: Uint8Array) => read += bytes.length;
  socket.on("data", count);
  for (let quiet = 0; quiet < 2 && read < most && socket.readable;) {
    const before = read;
    await new Promise<void>((resolve) => setImmediate(resolve));
    quiet = read === before ? quiet + 1 : 0;
  }
  socket.off("data", count);
  return read;
}

/** Loads a module of Node's when it is first needed, and without a promise. */
export function builtin<T>(name: string): T {
  // deno-lint-ignore no-process-global -- importing it would load Node's modules for whoever imports this one
  return process.getBuiltinModule(name) as T;
}
