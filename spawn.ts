// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Barriers between processes: {@linkcode spawnWithBarrier} starts a child that
 * inherits one end of a channel, {@linkcode inheritBarrier} picks it up there.
 *
 * How the parent knows that the child is gone:
 *
 * - The child's stdout is always a pipe that the parent reads. When it closes,
 *   the child exits, or has only redirected it and lives on; and it may stay
 *   open when the child is gone, in the hands of a grandchild. The same goes for
 *   the channel.
 * - So the hang-up is declared when everything that the child had sent has been
 *   read, and either the channel has closed or the process is gone. An exit
 *   never overtakes a barrier that was placed before it.
 *
 * @module
 */

import { Barrier, BarrierAbortedError } from "./barrier.ts";
import {
  type BarrierChannelKind,
  builtin,
  CHANNEL_FD,
  CHANNEL_VARIABLE,
  DEFAULT_CHANNEL,
  drained,
  KERNEL_BUFFER_MAX,
  SocketChannel,
  STATE_VARIABLE,
} from "./channels.ts";
import { Completion } from "./completion.ts";
import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";

export * from "./inherit.ts";

/** How many bytes of a child's output are kept for a reader that is behind. */
const BACKLOG_MAX = 16 * 1024 * 1024;

/**
 * How long, in milliseconds, after a child closed its channel its stdout may
 * take to end as well, and after that the child to exit.
 */
const STDOUT_GRACE = 100;
const EXIT_GRACE = 2_000;

/** How many bytes a pipe of Linux takes whole or not at all. */
const PIPE_BUF = 4096;

/** How many bytes of an unfinished line Deno's stdout keeps. */
const STDOUT_BUFFER = 1024;

/** How long, in milliseconds, a stdout that takes no bytes is left alone. */
const STDOUT_RETRY = 10;
const NEWLINE = 0x0a;
const NOTHING = new Uint8Array(0);

/** The longest delay, in milliseconds, that `setTimeout` takes. */
const DELAY_MAX = 2 ** 31 - 1;

/** The kinds of permission that Deno has a flag for. */
const PERMISSIONS = [
  "env",
  "ffi",
  "import",
  "net",
  "read",
  "run",
  "sys",
  "write",
] as const;

/** What a child's stdin, stdout or stderr is; the values of `Deno.Command`. */
export type BarrierStdio = "inherit" | "piped" | "null";

/** Options for {@linkcode spawnWithBarrier}. */
export interface SpawnWithBarrierOptions {
  /** Arguments for the module or the command. */
  args?: readonly string[];
  /**
   * What a Deno module may do: nothing; everything; or what the object tells
   * for each kind, as `new Worker` takes it. An `"inherit"` in it grants the
   * kind if this process holds it whole.
   *
   * @default {"none"}
   */
  permissions?: "none" | "all" | Deno.PermissionOptionsObject;
  /** Further flags of `deno run` for a Deno module. */
  denoArgs?: readonly string[];
  /** The child's working directory. */
  cwd?: string | URL;
  /** Environment variables of the child, besides those of this process. */
  env?: Record<string, string>;
  /**
   * Whether the child gets `env` alone, and nothing of this process's
   * environment.
   *
   * @default {false}
   */
  clearEnv?: boolean;
  /** The child's user ID. */
  uid?: number;
  /** The child's group ID. */
  gid?: number;
  /**
   * What carries the barrier. With `"stdio"`, stdin and stdout belong to the
   * channel, and cannot be chosen.
   *
   * @default {"fd"}, on Windows {"stdio"}
   */
  channel?: BarrierChannelKind;
  /** The child's stdin. @default {"inherit"} */
  stdin?: BarrierStdio;
  /**
   * The child's stdout, which for the child is a pipe in any case: `"inherit"`
   * forwards it, `"null"` throws it away. What nobody reads of a `"piped"` one
   * is kept, up to 16 MiB; then the child has to wait. @default {"inherit"}
   */
  stdout?: BarrierStdio;
  /** The child's stderr. @default {"inherit"} */
  stderr?: BarrierStdio;
  /**
   * Ends the child: the barrier is aborted with the signal's reason, and the
   * child is ended as `await using` does it. A signal that is aborted already
   * makes the call throw its reason.
   */
  signal?: AbortSignal;
  /**
   * How long, in milliseconds, a child that is being ended has between
   * `SIGTERM` and `SIGKILL`.
   *
   * @default {5000}
   */
  killAfter?: number;
}

/**
 * A child process and this side of the {@linkcode Barrier} shared with it. It
 * is made by {@linkcode spawnWithBarrier}, and shaped like `Deno.ChildProcess`.
 *
 * The process keeps this one alive until it exits, unless
 * {@linkcode BarrierProcess.unref} was called.
 *
 * @example Usage
 * ```ts
 * import { spawnWithBarrier } from "@ipc/barrier/spawn";
 * import { assert, assertEquals } from "@std/assert";
 *
 * await using child = spawnWithBarrier(["sh", "-c", "echo >&3; exit 3"]);
 * assert(await child.waitNext());
 * assertEquals((await child.status).code, 3);
 * ```
 */
export interface BarrierProcess extends Barrier, AsyncDisposable {
  /** The process ID. */
  readonly pid: number;
  /**
   * How the process exited. It resolves when the process is gone and what it
   * had written to a stdout that is `"inherit"` has been forwarded.
   */
  readonly status: Promise<Deno.CommandStatus>;
  /** Completed for all as soon as the process is gone. */
  readonly exited: Completion;
  /**
   * The process's stdin.
   *
   * @throws {TypeError} If `stdin` is not `"piped"`.
   */
  readonly stdin: WritableStream<Uint8Array>;
  /**
   * The process's stdout.
   *
   * @throws {TypeError} If `stdout` is not `"piped"`.
   */
  readonly stdout: Deno.SubprocessReadableStream;
  /**
   * The process's stderr.
   *
   * @throws {TypeError} If `stderr` is not `"piped"`.
   */
  readonly stderr: Deno.SubprocessReadableStream;
  /**
   * Sends a signal to the process.
   *
   * @param signal The signal, `"SIGTERM"` by default.
   * @throws {TypeError} If the process has already exited.
   */
  kill(signal?: Deno.Signal): void;
  /** Lets the process keep this one alive, as it does at first. */
  ref(): void;
  /**
   * Lets this process end while the other still runs. A pending wait or read
   * keeps it alive even so, and so does what was placed while the channel was
   * full.
   */
  unref(): void;
  /**
   * Ends the process: destroys the barrier, sends `SIGTERM`, sends `SIGKILL` if
   * that did not help within `killAfter` milliseconds, and waits for the status.
   *
   * @returns A promise that resolves when the process is gone.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a child process that shares a barrier with this one. It does not wait
 * for anything: that the child is up is what the barrier is there to tell.
 *
 * It needs `--allow-env`, and `--allow-run` for the program, which for a Deno
 * module is Deno itself.
 *
 * @param target A Deno module, run as `deno run` by the same Deno as this
 * process (a path is relative to the child's `cwd`); or the words of any
 * command. A program that is not Deno speaks the protocol on its file
 * descriptor 3.
 * @param options How to start it.
 * @returns The child process, with this side of the barrier.
 * @throws {TypeError} If an argument is not valid.
 * @throws {RangeError} If `options.killAfter` is no delay.
 * @throws {Deno.errors.NotFound} If there is no such command, or no such `cwd`.
 * @throws {Deno.errors.PermissionDenied} If the command may not be executed.
 * @throws {Deno.errors.NotCapable} If this process lacks a permission.
 *
 * @example Usage
 * ```ts ignore
 * import { spawnWithBarrier } from "@ipc/barrier/spawn";
 *
 * await using child = spawnWithBarrier(import.meta.resolve("./child.ts"), {
 *   permissions: { net: ["localhost"] },
 * });
 * if (!await child.waitNext()) throw child.signal.reason;
 * console.log("the child is ready:", child.note);
 * ```
 *
 * @example Any command
 * ```ts
 * import { spawnWithBarrier } from "@ipc/barrier/spawn";
 * import { assert, assertFalse } from "@std/assert";
 *
 * await using child = spawnWithBarrier(["sh", "-c", "echo >&3; read -r _ <&3"]);
 * assert(await child.placeAndSync());
 * assertFalse(await child.waitNext());
 * ```
 */
export function spawnWithBarrier(
  target: string | URL | readonly [command: string, ...args: string[]],
  options: SpawnWithBarrierOptions = {},
): BarrierProcess {
  return new SpawnedBarrier(target, options);
}

/** Waits for a promise that does not reject, but not for long. */
async function within(ms: number, promise: Promise<void>): Promise<void> {
  let timer;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}

/** A child process with its barrier, as {@linkcode spawnWithBarrier} makes it. */
class SpawnedBarrier extends Barrier implements BarrierProcess {
  readonly pid: number;
  readonly status: Promise<Deno.CommandStatus>;
  readonly exited = new Completion();

  readonly #child: ChildProcess;
  readonly #channel: SocketChannel;
  readonly #output: Output;
  readonly #stdin: WritableStream<Uint8Array> | undefined;
  readonly #stdout: Deno.SubprocessReadableStream | undefined;
  readonly #stderr: Deno.SubprocessReadableStream | undefined;
  readonly #streams: Socket[];
  readonly #killAfter: number;
  #killTimer: ReturnType<typeof setTimeout> | undefined;
  #exit: Deno.CommandStatus | undefined;

  constructor(
    target: string | URL | readonly [command: string, ...args: string[]],
    options: SpawnWithBarrierOptions,
  ) {
    const { signal, killAfter = 5_000 } = options;
    if (!(killAfter >= 0 && killAfter <= DELAY_MAX)) {
      throw new RangeError(
        `Cannot spawn a child as 'killAfter' must be from 0 to ${DELAY_MAX} milliseconds: received ${killAfter}`,
      );
    }
    signal?.throwIfAborted();
    const child = launch(commandLine(target, options), options);
    const stdin = child.stdin as Socket | null;
    const stdout = child.stdout as Socket;
    const stderr = child.stderr as Socket | null;
    const socket = child.stdio[CHANNEL_FD] as Socket | undefined;
    const channel = socket
      ? new SocketChannel(socket, socket, true)
      : new SocketChannel(stdout, stdin!, false);
    super(channel, { role: "parent" });

    this.#child = child;
    this.#channel = channel;
    this.#killAfter = killAfter;
    this.pid = child.pid!;
    channel.onEnd = () => this.#channelEnded();

    // Node's object would destroy its stdin with every signal that it sends.
    child.stdin = null;
    this.#output = new Output(stdout);
    this.#streams = [];
    if (socket) {
      if (options.stdout === "piped") {
        this.#stdout = outputStream(stdout);
      } else {
        this.#streams.push(stdout);
        if (options.stdout === "null") stdout.resume();
        else this.#output.forward();
      }
      if (stdin) {
        this.#streams.push(stdin);
        this.#stdin = writableStream(stdin);
      }
    }
    if (stderr) this.#stderr = outputStream(stderr);

    const onAbort = () => {
      this.abort(oneLine(signal!.reason));
      this.destroy();
      this.#terminate();
    };
    signal?.addEventListener("abort", onAbort, { once: true });

    this.status = new Promise((resolve) => {
      child.once("exit", async (code, killedBy) => {
        signal?.removeEventListener("abort", onAbort);
        clearTimeout(this.#killTimer);
        if (socket) stdin?.destroy();
        const status = this.#exit = commandStatus(code, killedBy);
        this.exited.completeAll();
        channel.drain().then(() => this.#hangUp());
        if (socket && !this.#stdout) await this.#output.finish();
        resolve(status);
      });
    });
  }

  get stdin(): WritableStream<Uint8Array> {
    return piped(this.#stdin, "stdin");
  }

  get stdout(): Deno.SubprocessReadableStream {
    return piped(this.#stdout, "stdout");
  }

  get stderr(): Deno.SubprocessReadableStream {
    return piped(this.#stderr, "stderr");
  }

  kill(signal: Deno.Signal = "SIGTERM"): void {
    if (this.#exit) {
      throw new TypeError(
        `Cannot send ${signal} to child process ${this.pid}: it has already exited`,
      );
    }
    const child = this.#child as {
      killed: boolean;
      signalCode: string | null;
      kill(signal: Deno.Signal): boolean;
    };
    // Deno's `kill` works once, and then takes its signal for the cause of
    // death, whatever that was: so both are forgotten.
    child.killed = false;
    child.kill(signal);
    child.signalCode = null;
  }

  ref(): void {
    this.#child.ref();
    for (const stream of this.#streams) stream.ref();
  }

  unref(): void {
    this.#child.unref();
    for (const stream of this.#streams) stream.unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.destroy();
    this.#terminate();
    await this.status;
  }

  #terminate(): void {
    if (this.#exit || this.#killTimer !== undefined) return;
    this.kill("SIGTERM");
    this.#killTimer = setTimeout(() => this.kill("SIGKILL"), this.#killAfter);
  }

  /**
   * The child closed its end of the channel. If it did so by exiting, its stdout
   * ends with it and its status follows, which is worth the wait: it tells why
   * the barrier was not reached. If stdout stays, the child lives on.
   */
  async #channelEnded(): Promise<void> {
    const { ended } = this.#output;
    await within(
      STDOUT_GRACE,
      Promise.race([ended.wait(), this.exited.wait()]),
    );
    if (ended.done) await within(EXIT_GRACE, this.exited.wait());
    this.#hangUp();
  }

  #hangUp(): void {
    const status = this.#exit;
    const what = status === undefined
      ? "closed its channel"
      : status.signal
      ? `was killed by ${status.signal}`
      : `exited with code ${status.code}`;
    this.#channel.hangUp(
      new BarrierAbortedError(
        `Child process ${this.pid} ${what} before it reached the barrier`,
        { side: "peer", status },
      ),
    );
  }
}

/** Watches a child's stdout, and forwards it where that is wanted. */
class Output {
  readonly socket: Socket;
  /** Completed for all when the last process that could write has closed it. */
  readonly ended = new Completion();
  /** What is to be written, and who waits for it to get there. */
  readonly #queue: (Uint8Array | (() => void))[] = [];
  #backlog = 0;
  #writing = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const end = () => this.ended.completeAll();
    socket.once("end", end);
    socket.once("close", end);
    socket.on("error", () => {}); // "close" follows
  }

  /** Writes everything that arrives to this process's stdout. */
  forward(): void {
    this.socket.on("data", (bytes: Uint8Array) => {
      this.#backlog += bytes.length;
      if (this.#backlog > BACKLOG_MAX) this.socket.pause();
      this.#queue.push(bytes);
      this.#write();
    });
  }

  /**
   * Waits until what the child wrote before it exited has been read and
   * forwarded. Processes that it left behind may go on writing.
   */
  async finish(): Promise<void> {
    let most = KERNEL_BUFFER_MAX;
    for (let done = false; !done && most > 0;) {
      const read = await drained(this.socket, most);
      const paused = this.socket.readable && this.socket.isPaused();
      done = read === 0 && !paused;
      most -= read;
      await new Promise<void>((resolve) => {
        this.#queue.push(resolve);
        this.#write();
      });
    }
    this.socket.unref();
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    for (let item; (item = this.#queue.shift()) !== undefined;) {
      if (typeof item === "function") {
        item();
        continue;
      }
      this.#backlog -= item.length;
      try {
        await writeToStdout(item);
      } catch {
        // Nobody reads this process's stdout any more. The child is to notice
        // that as it would had it really inherited it.
        this.socket.destroy();
      }
      if (this.#backlog <= BACKLOG_MAX) this.socket.resume();
    }
    this.#writing = false;
  }
}

/**
 * Writes bytes to this process's stdout, which another process may have made
 * non-blocking, as Node does with what it shares. That there is room again shows
 * in no event.
 *
 * How much a write took that then fails is not told, as Deno's stdout keeps the
 * end of an unfinished line in a small buffer. So it is given pieces that are
 * taken whole or not at all: what a pipe takes at once, and lines that have
 * ended. Only a short piece behind the last of these goes to the buffer.
 */
async function writeToStdout(bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length;) {
    const window = bytes.subarray(start, start + PIPE_BUF);
    const lines = window.lastIndexOf(NEWLINE) + 1;
    const piece = lines > 0 ? window.subarray(0, lines) : window;
    const buffered = lines === 0 && piece.length < STDOUT_BUFFER;
    start += await writePiece(piece, buffered);
  }
}

async function writePiece(
  piece: Uint8Array,
  buffered: boolean,
): Promise<number> {
  for (let rest = piece;;) {
    try {
      const written = await Deno.stdout.write(rest);
      return rest === piece ? written : piece.length;
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      if (buffered) rest = NOTHING; // which sends what is in the buffer
      await new Promise((resolve) => setTimeout(resolve, STDOUT_RETRY));
    }
  }
}

/**
 * Makes a stream like those of `Deno.ChildProcess` of what a child writes: it
 * keeps this process alive while a read is pending. Only a stream that holds no
 * chunks itself tells of that.
 */
function outputStream(socket: Socket): Deno.SubprocessReadableStream {
  const chunks = new Set<Uint8Array<ArrayBuffer>>();
  let backlog = 0;
  let ended = false;
  let reading = false;
  let controller: ReadableByteStreamController;

  const close = () => {
    controller.close();
    controller.byobRequest?.respond(0);
  };
  const deliver = (chunk: Uint8Array<ArrayBuffer>) => {
    chunks.delete(chunk);
    backlog -= chunk.length;
    if (backlog <= BACKLOG_MAX) socket.resume();
    controller.enqueue(chunk);
    if (ended && chunks.size === 0) close();
  };
  const receive = (bytes: Uint8Array) => {
    const chunk = new Uint8Array(bytes);
    chunks.add(chunk);
    backlog += chunk.length;
    if (backlog > BACKLOG_MAX) socket.pause();
    if (!reading) return;
    reading = false;
    socket.unref();
    deliver(chunk);
  };
  const end = () => {
    if (ended) return;
    ended = true;
    if (chunks.size === 0) close();
  };

  const stream = new ReadableStream({
    type: "bytes",
    start(streamController) {
      controller = streamController;
      socket.on("data", receive);
      socket.once("end", end);
      socket.once("close", end);
      socket.on("error", () => {}); // "close" follows
      socket.unref();
    },
    pull() {
      const [chunk] = chunks;
      if (chunk !== undefined) return deliver(chunk);
      reading = true;
      socket.ref();
    },
    cancel() {
      ended = true;
      socket.off("data", receive);
      socket.destroy();
    },
  });
  return Object.assign(stream, {
    arrayBuffer: () => new Response(stream).arrayBuffer(),
    bytes: () => new Response(stream).bytes(),
    json: () => new Response(stream).json(),
    text: () => new Response(stream).text(),
  });
}

function writableStream(socket: Socket): WritableStream<Uint8Array> {
  const settle = (
    resolve: () => void,
    reject: (reason: Error) => void,
  ) =>
  (cause?: Error | null) => {
    if (!cause) return resolve();
    const message = `Cannot write to stdin: ${cause.message}`;
    reject(new Deno.errors.BrokenPipe(message, { cause }));
  };
  return new WritableStream({
    start() {
      socket.on("error", () => {}); // the write reports it
    },
    write(bytes) {
      return new Promise((resolve, reject) =>
        socket.write(bytes, settle(resolve, reject))
      );
    },
    close() {
      if (socket.closed) return;
      return new Promise((resolve) => {
        socket.once("close", resolve); // also if the child is gone
        socket.end();
      });
    },
    abort() {
      socket.destroy();
    },
  });
}

function piped<T>(stream: T | undefined, name: string): T {
  if (stream === undefined) {
    throw new TypeError(`Cannot get '${name}': '${name}' is not piped`);
  }
  return stream;
}

/** Makes the words of a command line, the program first. */
function commandLine(
  target: string | URL | readonly string[],
  options: SpawnWithBarrierOptions,
): string[] {
  const { args = [], permissions, denoArgs } = options;
  for (const [name, list] of Object.entries({ args, denoArgs })) {
    if (list !== undefined && !Array.isArray(list)) {
      throw new TypeError(
        `Cannot spawn a child as '${name}' must be an array of strings: received ${
          Deno.inspect(list)
        }`,
      );
    }
  }
  let words: string[];
  if (Array.isArray(target)) {
    if (permissions !== undefined || denoArgs !== undefined) {
      throw new TypeError(
        `Cannot spawn "${
          target[0]
        }": 'permissions' and 'denoArgs' are for a Deno module, not for a command`,
      );
    }
    words = [...target, ...args];
  } else if (typeof target === "string" || target instanceof URL) {
    const module = String(target);
    if (module === "" || module.startsWith("-")) {
      throw new TypeError(
        `Cannot spawn "${module}": expected a module, flags go to 'denoArgs'`,
      );
    }
    const flags = permissionFlags(permissions ?? "none");
    words = [
      Deno.execPath(),
      "run",
      ...flags,
      ...denoArgs ?? [],
      module,
      ...args,
    ];
  } else {
    throw new TypeError(
      `Cannot spawn a child: expected a string, a URL or an array of strings, received ${
        Deno.inspect(target)
      }`,
    );
  }
  if (!words[0]) {
    throw new TypeError("Cannot spawn a child: the command is empty");
  }
  for (const word of words) {
    if (typeof word !== "string" || word.includes("\0")) {
      throw new TypeError(
        `Cannot spawn "${
          words[0]
        }": expected arguments that are strings without null characters, received ${
          Deno.inspect(word)
        }`,
      );
    }
  }
  return words;
}

function permissionFlags(
  permissions: "none" | "all" | Deno.PermissionOptionsObject,
): string[] {
  if (permissions === "all") return ["--allow-all"];
  // A child that may be waited for must not wait for an answer to a prompt.
  const flags = ["--no-prompt"];
  if (permissions === "none") return flags;
  if (typeof permissions !== "object" || permissions === null) {
    throw new TypeError(
      `Cannot spawn a child as 'permissions' must be "none", "all" or an object: received ${
        Deno.inspect(permissions)
      }`,
    );
  }
  for (const [kind, value] of Object.entries(permissions)) {
    const name = PERMISSIONS.find((name) => name === kind);
    if (name === undefined) {
      throw new TypeError(
        `Cannot spawn a child: there is no permission "${kind}", expected one of ${
          PERMISSIONS.join(", ")
        }`,
      );
    }
    if (value === true) flags.push(`--allow-${name}`);
    else if (value === "inherit") flags.push(inheritedFlag(name));
    else if (Array.isArray(value)) {
      const list = value.map((item: string | URL) => listItem(item));
      if (list.length > 0) flags.push(`--allow-${name}=${list.join(",")}`);
    } else if (value !== false && value !== undefined) {
      throw new TypeError(
        `Cannot spawn a child as the permission "${name}" must be a boolean, an array or "inherit": received ${
          Deno.inspect(value)
        }`,
      );
    }
  }
  return flags;
}

function inheritedFlag(name: typeof PERMISSIONS[number]): string {
  const { state, partial } = Deno.permissions.querySync({ name });
  if (state !== "granted" || partial) {
    throw new TypeError(
      `Cannot spawn a child that inherits the permission "${name}": this process does not hold it whole, list what to grant instead`,
    );
  }
  return `--allow-${name}`;
}

/** A value as a flag lists it. Deno 2.9 knows no way to write one with a comma. */
function listItem(item: string | URL): string {
  const { fileURLToPath } = builtin<typeof import("node:url")>("node:url");
  const text = item instanceof URL && item.protocol === "file:"
    ? fileURLToPath(item)
    : String(item);
  if (text === "" || text.includes(",")) {
    throw new TypeError(
      `Cannot spawn a child with a permission for "${text}": expected a value that is not empty and has no comma`,
    );
  }
  return text;
}

/** Starts the process, or throws as `Deno.Command` does. */
function launch(
  [command, ...args]: string[],
  options: SpawnWithBarrierOptions,
): ChildProcess {
  const { channel = DEFAULT_CHANNEL, cwd, env, clearEnv, uid, gid } = options;
  const stdio = descriptors(channel, options);
  const { spawn } = builtin<typeof import("node:child_process")>(
    "node:child_process",
  );
  const variables = clearEnv ? {} : Deno.env.toObject();
  delete variables[STATE_VARIABLE]; // if there is one, it is this process's own
  Object.assign(variables, env, {
    [CHANNEL_VARIABLE]: channel === "fd" ? `fd:${CHANNEL_FD}` : channel,
  });

  // Node's object tells of a failure in an event, later, and on this channel at
  // once.
  const tracing = builtin<typeof import("node:diagnostics_channel")>(
    "node:diagnostics_channel",
  ).tracingChannel("child_process.spawn");
  let failure: unknown;
  const subscribers = {
    start() {},
    end() {},
    asyncStart() {},
    asyncEnd() {},
    error: (message: object) => failure = (message as { error: unknown }).error,
  };
  tracing.subscribe(subscribers);
  try {
    const child = spawn(verbatim(command!), args.map(verbatimArgument), {
      ...cwd === undefined ? {} : { cwd },
      ...uid === undefined ? {} : { uid },
      ...gid === undefined ? {} : { gid },
      env: variables,
      stdio,
    });
    child.on("error", () => {});
    if (child.pid !== undefined) return child;
  } catch (error) {
    failure = error;
  } finally {
    tracing.unsubscribe(subscribers);
  }
  throw spawnError(command!, failure, cwd);
}

/*
 * Deno's node:child_process takes a command line that runs Deno for one of
 * Node's, and adds `--allow-all` to it. It knows Deno by the spelling of its
 * path, and a Deno further on in the arguments by comparing strings.
 */
function verbatim(command: string): string {
  return command === Deno.execPath()
    ? command.replace(/[^/\\]+$/, "./$&")
    : command;
}

function verbatimArgument(arg: string): string {
  return new String(arg) as string;
}

/** What the child's descriptors are, from 0 on. */
function descriptors(
  channel: BarrierChannelKind,
  options: SpawnWithBarrierOptions,
): ("inherit" | "pipe" | "ignore")[] {
  const stdin = nodeStdio("stdin", options.stdin);
  const stderr = nodeStdio("stderr", options.stderr);
  nodeStdio("stdout", options.stdout); // a pipe, whatever it is for the user
  switch (channel) {
    case "fd":
      return [stdin, "pipe", stderr, "pipe"];
    case "stdio":
      if (options.stdin !== undefined || options.stdout !== undefined) {
        throw new TypeError(
          `Cannot spawn a child with 'stdin' or 'stdout' as both belong to the channel "stdio"`,
        );
      }
      return ["pipe", "pipe", stderr];
    default:
      throw new TypeError(
        `Cannot spawn a child as 'channel' must be "fd" or "stdio": received ${
          Deno.inspect(channel)
        }`,
      );
  }
}

function nodeStdio(
  name: string,
  value: BarrierStdio = "inherit",
): "inherit" | "pipe" | "ignore" {
  switch (value) {
    case "inherit":
      return "inherit";
    case "piped":
      return "pipe";
    case "null":
      return "ignore";
    default:
      throw new TypeError(
        `Cannot spawn a child as '${name}' must be "inherit", "piped" or "null": received ${
          Deno.inspect(value)
        }`,
      );
  }
}

function spawnError(command: string, cause: unknown, cwd?: string | URL) {
  if (!(cause instanceof Error)) cause = { code: "ENOENT" };
  const what = `Cannot spawn "${command}"`;
  switch ((cause as NodeJS.ErrnoException).code) {
    case "ENOENT": {
      const where = cwd === undefined
        ? ""
        : `, or no working directory "${cwd}"`;
      return new Deno.errors.NotFound(
        `${what}: there is no such command${where}`,
        { cause },
      );
    }
    case "EACCES":
    case "EPERM":
      return new Deno.errors.PermissionDenied(
        `${what}: permission denied by the system`,
        { cause },
      );
    default:
      return cause;
  }
}

/** Makes a status like Deno's of what Node's exit event tells. */
function commandStatus(
  code: number | null,
  signal: NodeJS.Signals | null,
): Deno.CommandStatus {
  if (signal === null) {
    return { success: code === 0, code: code ?? 0, signal: null };
  }
  const { signals } = builtin<typeof import("node:os")>("node:os").constants;
  return {
    success: false,
    code: 128 + signals[signal],
    signal: signal as Deno.Signal,
  };
}

/** Makes one line of whatever a signal was aborted with. */
function oneLine(reason: unknown): string {
  const text = reason instanceof Error
    ? String(reason.message)
    : typeof reason === "string"
    ? reason
    : Deno.inspect(reason);
  return text.replace(/\p{Cc}+/gu, " ").toWellFormed().slice(0, 1_000)
    .toWellFormed();
}
