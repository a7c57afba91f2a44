// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Every detour around a fault of Deno, so that the rest reads as if there were
 * none; but for that of `_event_loop_reference.ts`. Each says what Deno does,
 * since when, what is known upstream, and when the detour can go.
 */

import type { ChildProcess, SpawnOptions } from "node:child_process";
import type { OnReadOpts, Socket } from "node:net";

/**
 * Loads a module of Node's when it is first needed, and without a promise.
 *
 * `import "node:net"` anywhere in the graph costs a start of a program 20 ms
 * (Deno 2.8 and later, which load such modules lazily), and `import()` gives a
 * promise where a call has to return at once.
 *
 * Remove when a deferred import (`import defer`) works for built-in modules.
 */
export function builtin<T>(name: string): T {
  // deno-lint-ignore no-process-global -- importing it would load it for all
  return process.getBuiltinModule(name) as T;
}

/**
 * Starts a process, and throws if that fails.
 *
 * Node's `spawn()` reports most failures in an event, later, and the error of
 * its "spawn" channel of diagnostics at once.
 *
 * For one thing there is no detour: where the system refuses a process (its
 * directory is missing, there are too many of them), Deno loses this side's end
 * of an extra descriptor (2.9), which then stays open.
 *
 * Remove when `Deno.Command` can hand descriptors on (denoland/deno#6529 asks for
 * raw descriptors).
 *
 * @throws What Node reports: an `ErrnoException`, or Deno's own error.
 */
export function spawnOrThrow(
  [command, ...args]: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const { spawn } = builtin<typeof import("node:child_process")>(
    "node:child_process",
  );
  const tracing = builtin<typeof import("node:diagnostics_channel")>(
    "node:diagnostics_channel",
  ).tracingChannel("child_process.spawn");
  let failure: unknown = new Error("no process was started");
  const subscribers = {
    start() {},
    end() {},
    asyncStart() {},
    asyncEnd() {},
    error: (message: object) => failure = (message as { error: unknown }).error,
  };
  tracing.subscribe(subscribers);
  try {
    const child = spawn(
      verbatimCommand(command!),
      args.map(verbatimArgument),
      options,
    );
    child.on("error", () => {}); // it is thrown here
    if (child.pid !== undefined) return child;
  } finally {
    tracing.unsubscribe(subscribers);
  }
  throw failure;
}

/**
 * Spells a command so that it is run as it is.
 *
 * `node:child_process` takes a command that is Deno for one that is meant for
 * Node, and adds `--allow-all` to its arguments (for `deno run` since
 * denoland/deno#35443, in 2.9), here and further on in the words of any command.
 * It knows Deno by the spelling of its path, and an argument by comparing
 * strings.
 *
 * Remove when an option turns that off.
 */
function verbatimCommand(command: string): string {
  return command === Deno.execPath()
    ? command.replace(/[^/\\]+$/, "./$&")
    : command;
}

function verbatimArgument(arg: string): string {
  return new String(arg) as string;
}

/**
 * The words that run a Deno module, and never anything else.
 *
 * `deno run x` falls back to a task or a script called `x`, in a `deno.json` or
 * `package.json` of the working directory, where there is no module of that name
 * (since 2.0, denoland/deno#24891); that runs in a shell, with no permission
 * asked, and a script can have any name, also that of a URL. Without the word
 * `run`, Deno takes the same flags and has no such fallback.
 *
 * Remove when `deno run` can be told to run modules alone.
 */
export function moduleCommand(
  flags: readonly string[],
  module: string,
  args: readonly string[],
): string[] {
  return [Deno.execPath(), ...flags, module, ...args];
}

/**
 * Sends a signal to a process, any number of times.
 *
 * Deno's `kill()` works once, takes its signal for the cause of death whatever
 * that was (denoland/deno#36643, since 1.30), destroys the process's stdin, and
 * gives `false` both for a process that is gone and for one that may not be
 * signalled.
 *
 * Remove when that issue is closed, but for the last point.
 *
 * @returns Whether the signal was sent.
 */
export function signalProcess(
  child: ChildProcess,
  signal: Deno.Signal | number,
): boolean {
  const node = child as {
    killed: boolean;
    signalCode: string | null;
    stdin: unknown;
    kill(signal: Deno.Signal | number): boolean;
  };
  const { stdin } = node;
  node.killed = false;
  node.stdin = null;
  const sent = node.kill(signal);
  node.stdin = stdin;
  node.signalCode = null;
  return sent;
}

/**
 * Lets a process outlive this one, however this one ends.
 *
 * Deno sends SIGKILL to a process that it drops when this one ends by an
 * uncaught error (since 1.0), before what was sent to it can be read. It leaves
 * alone one that was unreferenced; whoever calls this keeps the event loop alive
 * by a reference of its own.
 *
 * In a worker nothing is done: Deno closes no socket of a worker that has ended
 * (2.9), so such a process would never see that, and is better killed.
 *
 * Remove when a dropped process is left alone, and a worker's sockets are closed.
 */
export function surviveErrors(child: ChildProcess): void {
  if (!("WorkerGlobalScope" in globalThis)) child.unref();
}

/** How many bytes are read at once. */
const READ_BUFFER = 64 * 1024;

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
 * later). Deno's first descriptor is no socket, so 3 is safe. Of others, Deno
 * knows those that another Deno handed on (denoland/deno#34133, in 2.9), or that
 * the variable DENO_EXTRA_STDIO_FDS names, and only these can be asked for their
 * status.
 *
 * A socket that listens opens as well, and fails at its first read.
 *
 * Remove when Deno refuses descriptors of its own, and sockets that listen.
 *
 * @param onRead Called with what arrives, never before the socket is returned.
 * The bytes are gone afterwards.
 *
 * @throws {Deno.errors.BadResource} If the descriptor is not inherited, or it is
 * neither a pipe nor a connected socket.
 */
export async function openInheritedSocket(
  fd: number,
  onRead: (bytes: Uint8Array) => void,
): Promise<Socket> {
  const { Socket } = await import("node:net");
  try {
    if (fd !== FIRST_FD) {
      builtin<typeof import("node:fs")>("node:fs").fstatSync(fd);
    }
    const socket = new Socket({ fd, onread: intoBuffer(onRead) });
    if (!listens(socket)) return socket;
    socket.destroy();
    throw new Error("it is a socket that listens");
  } catch (cause) {
    throw new Deno.errors.BadResource(
      `Cannot inherit a barrier: file descriptor ${fd} is no channel, start this program with spawnWithBarrier() or name its channel`,
      { cause },
    );
  }
}

/**
 * Reads a socket that `node:child_process` has just made in the same way.
 *
 * There is no option for that, neither in Deno nor in Node. So another socket
 * takes its handle over, before the event loop has read anything.
 *
 * Remove when `spawn()` can be told how to read.
 *
 * @param onRead Called with what arrives. The bytes are gone afterwards.
 * @returns The socket that has its place from now on.
 */
export function readDirectly(
  socket: Socket,
  onRead: (bytes: Uint8Array) => void,
): Socket {
  const { Socket } = builtin<typeof import("node:net")>("node:net");
  const owner = socket as unknown as { _handle: unknown };
  const { _handle: handle } = owner;
  owner._handle = null;
  const options = { handle, onread: intoBuffer(onRead) };
  return new Socket(options as ConstructorParameters<typeof Socket>[0]);
}

/** One for all sockets, as nothing that was read is kept. */
let readBuffer: Uint8Array<ArrayBuffer> | undefined;

function intoBuffer(onRead: (bytes: Uint8Array) => void): OnReadOpts {
  return {
    buffer: readBuffer ??= new Uint8Array(READ_BUFFER),
    callback: (length, buffer) => {
      onRead(buffer.subarray(0, length));
      return true;
    },
  };
}

/** What `listen()` gives for a socket that listens already, one way or another. */
const LISTENS = [0, -17]; // -EEXIST

/** Whether a socket listens, which only trying to tells at once. */
function listens(socket: Socket): boolean {
  const { _handle: handle } = socket as unknown as {
    _handle: { listen(backlog: number): number };
  };
  return LISTENS.includes(handle.listen(1));
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

  /** The one of a socket. There is no reason at first. */
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
 * Keeps a socket from being destroyed by a write that fails, and tells whether a
 * write waits for room in the kernel's buffer.
 *
 * A Node socket is destroyed by a failed write together with what could still be
 * read from it, so the peer's last words would be lost; Node itself does the
 * same. Here the failure is left to the end of what can be read.
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

/**
 * Runs a function as the last thing before this program ends, by whatever way
 * but a signal or an error: at its natural end, by `Deno.exit()` or by
 * `process.exit()`.
 *
 * Deno runs no code behind the last listener of `unload` and of Node's `exit`,
 * not even microtasks (since 1.0), and a listener can end the program by another
 * `Deno.exit()`. So what ends a program is wrapped while there is something to
 * run: `Deno.exit()`, through which `process.exit()` goes as well, and the
 * emission of Node's `exit`, which follows `unload` at a natural end.
 *
 * Remove when Deno has an event behind all others.
 *
 * @returns What calls it off.
 */
export function runAtExit(run: () => void): () => void {
  if (atExit.size === 0) unwrapExit = wrapExit();
  atExit.add(run);
  return () => {
    if (atExit.delete(run) && atExit.size === 0) unwrapExit();
  };
}

const atExit = new Set<() => void>();
let unwrapExit: () => void;

function wrapExit(): () => void {
  // deno-lint-ignore no-process-global -- importing it would load it for all
  const node = process as { emit: (...args: unknown[]) => boolean };
  const { exit } = Deno;
  const { emit } = node;
  const last = () => atExit.forEach((run) => run());

  const exitAtLast = (code?: number): never => {
    if (typeof code === "number") Deno.exitCode = code | 0; // as Deno does
    if (!isUnloading()) dispatchEvent(new Event("unload"));
    last();
    return exit();
  };
  const emitAtLast = (...args: unknown[]): boolean => {
    const heard = Reflect.apply(emit, node, args);
    if (args[0] === "exit" && isUnloading()) last();
    return heard;
  };

  Deno.exit = exitAtLast;
  node.emit = emitAtLast;
  return () => {
    if (Deno.exit === exitAtLast) Deno.exit = exit;
    if (node.emit === emitAtLast) node.emit = emit;
  };
}

/** Whether the `unload` event was dispatched, as Deno remembers it for itself. */
function isUnloading(): boolean {
  return Reflect.get(globalThis, Symbol.for("Deno.isUnloadDispatched")) ===
    true;
}

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
 * no event tells that there is room again.
 *
 * Of stdout it does not even say how much was written before, as it keeps the end
 * of an unfinished line in a small buffer. So unless that is a file, which always
 * has room, it is given pieces that are taken whole or not at all: what a pipe
 * takes at once, and lines that have ended. Only a short piece behind the last of
 * these goes to the buffer. A piece takes Deno as long as a large write.
 *
 * Remove when Deno waits for room by itself.
 */
export async function writeWhole(
  output: StandardOutput,
  bytes: Uint8Array,
): Promise<void> {
  const inPieces = output === Deno.stdout &&
    !(bytes.length >= READ_BUFFER && isFile(1));
  for (let start = 0; start < bytes.length;) {
    const rest = bytes.subarray(start);
    const piece = inPieces ? firstPiece(rest) : rest;
    const isKept = inPieces && piece.length < STDOUT_BUFFER &&
      piece.at(-1) !== LF;
    start += await writePiece(output, piece, isKept);
  }
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
      await new Promise((resolve) => setTimeout(resolve, WRITE_RETRY));
    }
  }
}
