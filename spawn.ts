// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Barriers between processes: {@linkcode spawnWithBarrier} starts a child process
 * that shares a barrier with this one, and {@linkcode inheritBarrier} is the child's
 * side.
 *
 * The child can be a Deno module or any other program: one that uses the protocol in
 * `PROTOCOL.md` (in a shell, `echo >&3`), one that prints a line to a file
 * descriptor when it is ready, one that prints a line to stdout (`readyLine`), or one
 * that answers on an address (`readyUrl`).
 *
 * ```ts
 * import { spawnWithBarrier } from "@ipc/barrier/spawn";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = spawnWithBarrier(
 *   ["sh", "-c", "echo listening on port 8000; exec sleep 60"],
 *   { readyLine: /listening on port (\d+)/, stdout: "null" },
 * );
 * assertEquals(await server.ready(), "8000");
 * ```
 *
 * @module
 */

import "./src/spawn/modules.ts"; // before any other
import { requireDeno } from "./src/runtime/host.ts";
import { ChildProcess } from "./src/spawn/child_process.ts";
import { launch } from "./src/spawn/launch.ts";
import { type BarrierOutput, resolve } from "./src/spawn/options.ts";
import type { BarrierReadyOptions } from "./src/spawn/readiness.ts";
import type {
  BarrierProcessOutput,
  BarrierProcessSignal,
  BarrierProcessStatus,
  SpawnPermissions,
} from "./src/spawn/types.ts";
import type { Barrier } from "./src/barrier/barrier.ts";
import type { BarrierWaitOptions } from "./src/barrier/options.ts";
import type { BarrierChannelKind } from "./inherit.ts";

export * from "./inherit.ts";
export type { BarrierOutput } from "./src/spawn/options.ts";
export type { BarrierReadyOptions } from "./src/spawn/readiness.ts";
export type {
  BarrierProcessOutput,
  BarrierProcessSignal,
  BarrierProcessStatus,
  SpawnPermissions,
} from "./src/spawn/types.ts";
export { runMain } from "./src/spawn/run_main.ts";

/** Options for {@linkcode spawnWithBarrier} that apply to every child. */
export interface SpawnCommandOptions {
  /**
   * What errors and traces call the child, instead of the name of its program:
   * at most 40 printable characters.
   */
  name?: string | undefined;
  /** Additional arguments for the command, or arguments for the module. */
  args?: readonly string[] | undefined;
  /** The child's working directory; by default that of this process. */
  cwd?: string | URL | undefined;
  /** Environment variables for the child, in addition to those of this process. */
  env?: Record<string, string> | undefined;
  /**
   * Whether the child gets only the variables in `env`, and none of this
   * process's environment.
   *
   * @default {false}
   */
  clearEnv?: boolean | undefined;
  /** The child's user ID. Not supported on Windows. */
  uid?: number | undefined;
  /** The child's group ID. Not supported on Windows. */
  gid?: number | undefined;
  /**
   * What carries the barrier: a file descriptor, or the child's stdin and stdout
   * (`"stdio"`). The default is `"fd"`; on Windows it is `"stdio"`.
   */
  channel?: BarrierChannelKind | undefined;
  /**
   * The child's stdin: shared with this process, a stream for the caller, or the
   * null device. With the channel `"stdio"` only `"null"` is allowed, and
   * changes nothing.
   *
   * @default {"inherit"}
   */
  stdin?: "inherit" | "piped" | "null" | undefined;
  /**
   * Where the child's stdout goes. It cannot be `"inherit"` with the channel
   * `"stdio"`.
   *
   * @default {"forward"}
   */
  stdout?: BarrierOutput | undefined;
  /**
   * Where the child's stderr goes. With `readyLine` the default is `"forward"`.
   *
   * @default {"inherit"}
   */
  stderr?: BarrierOutput | undefined;
  /**
   * For programs that do not use this library: each line of stdout or stderr
   * that matches counts as a barrier. Its note is the first capture group or,
   * without one, the line.
   *
   * A line ends with LF, or with the CR with which a program overwrites it.
   * Before it is tested, colors and control characters are removed and tabs are
   * replaced with spaces. At most 4,096 characters of a line are tested. Match
   * whole words: `/ready/` also matches "already in use", `/\bready\b/` does not.
   *
   * The program must stay in the foreground. Closing its descriptors does not
   * end the barrier: it ends when the process has exited and all of its output
   * has been read. At least one of `stdout` and `stderr` must not be
   * `"inherit"`.
   */
  readyLine?: RegExp | undefined;
  /**
   * For programs that print nothing: counts as a barrier when the address first
   * answers while the child runs. Its note is the address.
   *
   * - `tcp://host:port` and `unix:///path` answer when they accept a connection.
   * - `http://` and `https://` answer with a status from 200 to 399 to a GET.
   *   Redirects are not followed, and no proxy is used.
   *
   * A try takes at most 2 seconds. `localhost` is both 127.0.0.1 and ::1. If
   * another program already listens on the address, the call throws. Requires
   * `--allow-net` for the address.
   */
  readyUrl?: string | URL | undefined;
  /**
   * For any other way to find out whether the child is ready, such as a query or
   * `pg_isready`. The function is called until it neither throws nor returns
   * `false`, each time 100 milliseconds after the previous call has ended. That
   * counts as a barrier, whose note is what the function returned, if that is a
   * string. The `signal` is aborted when the child exits or is stopped.
   */
  readyWhen?: ((signal: AbortSignal) => unknown) | undefined;
  /**
   * Whether the child leads a process group of its own that all signals are sent
   * to: for `sh -c`, `npm run`, and whatever else starts programs. `kill()`,
   * `stop()` and `signal` work until every process in the group has exited.
   * `exited`, `status` and `finished()` are about the child itself. Processes that
   * leave the group (`su -c`, `setsid`, daemons) are not affected.
   *
   * The group is a session without a controlling terminal. Its members cannot open
   * `/dev/tty`, though they can use a terminal that they inherited, and a
   * terminal's Ctrl-C reaches only this process. Requires `--allow-run` for all
   * programs. Not supported on Windows.
   *
   * @default {false}
   */
  processGroup?: boolean | undefined;
  /**
   * Whether the child is stopped when this process ends. Without it, a child that
   * does not use its barrier keeps running as an orphan.
   *
   * - `SIGINT`, `SIGTERM` and `SIGHUP` first stop all such children, as `stop()`
   *   does, and then end this process. A second signal kills them and this process
   *   immediately.
   * - `Deno.exit()` and a restart of `deno run --watch` send `stopSignal`.
   * - After an uncaught error, Deno kills the child, but not the rest of its process
   *   group.
   *
   * It does not help if this process is killed by `SIGKILL`. Pass `false` in a
   * program that handles those signals itself.
   *
   * The default is `true` with `readyLine`, `readyUrl`, `readyWhen` or
   * `processGroup`, and `false` otherwise, because a child that uses its barrier
   * sees that this process exits.
   */
  endWithParent?: boolean | undefined;
  /**
   * Stops the child when aborted, as `await using` does. The barrier is aborted
   * with the signal's reason, which is the `cause` of the barrier's own error.
   * If the signal is already aborted, the call throws its reason.
   */
  signal?: AbortSignal | undefined;
  /**
   * How long, in milliseconds, to wait for the child to exit by itself before
   * `stopSignal` is sent. The default is 1,000 for a module and 0 for a command.
   * Give a module more time if it finishes requests or jobs before it exits.
   */
  exitGracePeriod?: number | undefined;
  /**
   * The signal that asks the child to exit. PostgreSQL wants `"SIGINT"`, nginx
   * `"SIGQUIT"`.
   *
   * @default {"SIGTERM"}
   */
  stopSignal?: BarrierProcessSignal | undefined;
  /**
   * How long, in milliseconds, to wait between `stopSignal` and `SIGKILL`.
   *
   * @default {5000}
   */
  stopGracePeriod?: number | undefined;
}

/** Options for {@linkcode spawnWithBarrier} with a Deno module. */
export interface SpawnModuleOptions extends SpawnCommandOptions {
  /**
   * The permissions of the module: none, all, or those that the object grants.
   * `"inherit"` in the object grants a permission that this process has in full.
   * A module over `"stdio"` or `"fd:N"` may also read the variable
   * `BARRIER_CHANNEL`, which names its channel.
   *
   * Unlike a worker, a module may always import from Deno's default hosts
   * (`jsr.io`, `deno.land` and others), because a child must import this
   * library from there. `denoArgs: ["--cached-only"]` limits that to what is
   * already cached, `["--no-remote", "--no-npm"]` to local files.
   *
   * @default {"none"}
   */
  permissions?: "none" | "all" | SpawnPermissions | undefined;
  /** Additional `deno run` flags. */
  denoArgs?: readonly string[] | undefined;
}

/**
 * A child process, and this side of the {@linkcode Barrier} shared with it. It has
 * the members of `Deno.ChildProcess`, and is made by {@linkcode spawnWithBarrier}.
 *
 * The process keeps this one alive until it exits, unless
 * {@linkcode BarrierProcess.unref} was called.
 *
 * Its `signal` is aborted when the barrier was aborted or destroyed, when the
 * process has exited, or when a wait failed because the channel was closed. Closing
 * the channel alone does not abort it, because a daemon can report that it is ready
 * and close the descriptor.
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
   * Resolves to how the process exited, once it has exited and its forwarded output
   * has been written.
   */
  readonly status: Promise<BarrierProcessStatus>;
  /**
   * Resolves to how the process exited, as soon as it has exited.
   */
  readonly exited: Promise<BarrierProcessStatus>;
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
  readonly stdout: BarrierProcessOutput;
  /**
   * The process's stderr.
   *
   * @throws {TypeError} If `stderr` is not `"piped"`.
   */
  readonly stderr: BarrierProcessOutput;
  /**
   * Waits until the process is ready: consumes its next barrier, and resolves to
   * the note of that barrier. Unlike {@linkcode Barrier.prototype.receive} it has
   * a time limit, and its errors name the process and say how it ended.
   *
   * @param options How long to wait, and a signal that cancels the wait.
   * @returns The note of the barrier; `undefined` if it has none.
   * @throws {BarrierAbortedError} If the barrier was aborted, or the process has
   * exited.
   * @throws {DOMException} With the name `TimeoutError`, if the time is over. It
   * quotes the last line that the process printed, if this process reads it.
   * @throws {TypeError} If `timeout` is not a number.
   * @throws {RangeError} If `timeout` is out of range.
   *
   * @example Usage
   * ```ts
   * import { spawnWithBarrier } from "@ipc/barrier/spawn";
   * import { assertEquals, assertRejects } from "@std/assert";
   *
   * await using child = spawnWithBarrier(["sh", "-c", "echo 8000 >&3"]);
   * assertEquals(await child.ready(), "8000");
   * await assertRejects(() => child.ready(), Error, "exited with code 0");
   * ```
   */
  ready(options?: BarrierReadyOptions): Promise<string | undefined>;
  /**
   * Waits until the process has exited with code 0, and its output is written.
   *
   * @param options A signal that cancels the wait.
   * @returns A promise that resolves then.
   * @throws {BarrierAbortedError} If the process exits with another code, or is
   * killed by a signal. The message names the process and says how it ended.
   *
   * @example Usage
   * ```ts
   * import { spawnWithBarrier } from "@ipc/barrier/spawn";
   * import { assertRejects } from "@std/assert";
   *
   * await using migration = spawnWithBarrier(["true"]);
   * await migration.finished();
   *
   * await using broken = spawnWithBarrier(["false"]);
   * await assertRejects(() => broken.finished(), Error, "exited with code 1");
   * ```
   */
  finished(options?: BarrierWaitOptions): Promise<void>;
  /**
   * Sends a signal to the process or, with `processGroup`, to its group.
   *
   * @param signal The signal, `"SIGTERM"` by default.
   * @throws {TypeError} If the process has already exited.
   * @throws {Deno.errors.PermissionDenied} If the system refuses the signal.
   *
   * @example Usage
   * ```ts
   * import { spawnWithBarrier } from "@ipc/barrier/spawn";
   * import { assertEquals } from "@std/assert";
   *
   * await using child = spawnWithBarrier(["sleep", "60"]);
   * child.kill();
   * assertEquals((await child.status).signal, "SIGTERM");
   * ```
   */
  kill(signal?: BarrierProcessSignal | number): void;
  /** Keeps this process alive until the child exits. This is the default. */
  ref(): void;
  /**
   * Lets this process exit while the child is still running. Pending waits, reads,
   * and writes still keep it alive.
   */
  unref(): void;
  /**
   * Stops the process, and waits until it has exited:
   *
   * 1. Destroys the barrier, and waits `exitGracePeriod` for the process to exit.
   * 2. Sends `stopSignal`, followed by `SIGCONT` in case the process is
   *    suspended, and waits `stopGracePeriod`.
   * 3. Sends `SIGKILL`.
   *
   * After the exit, it waits at most `stopGracePeriod` and half a second until
   * the output is written. Further calls return the same promise.
   *
   * @returns A promise that resolves when the process has exited.
   * @throws {Deno.errors.PermissionDenied} If the system refuses a signal.
   *
   * @example Usage
   * ```ts
   * import { spawnWithBarrier } from "@ipc/barrier/spawn";
   * import { assertEquals } from "@std/assert";
   *
   * const child = spawnWithBarrier(["sleep", "60"]);
   * await child.stop();
   * assertEquals((await child.status).signal, "SIGTERM");
   * ```
   */
  stop(): Promise<void>;
  /** Starts {@linkcode BarrierProcess.stop}, and does not wait for it. */
  [Symbol.dispose](): void;
  /**
   * Stops the process, as {@linkcode BarrierProcess.stop} does.
   *
   * @returns A promise that resolves when the process has exited.
   * @throws {Deno.errors.PermissionDenied} If the system refuses a signal.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a child process that shares a barrier with this one. This returns
 * immediately; use {@linkcode BarrierProcess.ready} to wait for the child.
 *
 * It needs `--allow-env` (with `clearEnv`, `--allow-env=NODE_V8_COVERAGE`, which
 * Node's module reads), and `--allow-run` for the program, which for a Deno
 * module is Deno itself.
 *
 * If `BARRIER_TRACE` is `"1"`, what this side does is printed to stderr. A module
 * that inherits the variable is allowed to read it, regardless of `permissions`,
 * unless one of `denoArgs` decides on all variables (`--deny-env`, `-P`).
 *
 * @param module A Deno module, run by the same Deno as this process. A string
 * that is not a URL is a path, relative to the child's `cwd`.
 * @param options How to start it.
 * @returns The child process, with this side of the barrier.
 * @throws {TypeError} If an argument is not valid, or this is not Deno.
 * @throws {RangeError} If a delay is out of range, or the number of the channel's
 * descriptor is above the limit of open files.
 * @throws {Deno.errors.NotFound} If the command or `cwd` does not exist.
 * @throws {Deno.errors.PermissionDenied} If the system refuses to execute the
 * command.
 * @throws {Deno.errors.NotCapable} If this process lacks a permission.
 * @throws {Deno.errors.AddrInUse} If another program listens on the address of
 * `readyUrl`.
 * @throws {Deno.errors.WouldBlock} If there are too many processes.
 * @throws {Error} If there are too many open files.
 * @throws The reason of `options.signal`, if it is already aborted.
 *
 * @example Usage
 * ```ts ignore
 * import { spawnWithBarrier } from "@ipc/barrier/spawn";
 *
 * await using child = spawnWithBarrier(import.meta.resolve("./child.ts"), {
 *   permissions: { net: ["localhost"] },
 * });
 * console.log("the child is ready:", await child.ready());
 * ```
 */
export function spawnWithBarrier(
  module: string | URL,
  options?: SpawnModuleOptions,
): BarrierProcess;
/**
 * Starts any command.
 *
 * @param command The program, followed by its arguments.
 * @param options How to start it.
 * @returns The child process, with this side of the barrier.
 * @throws {TypeError} If an argument is not valid, or this is not Deno.
 * @throws {RangeError} If a delay is out of range, or the number of the channel's
 * descriptor is above the limit of open files.
 * @throws {Deno.errors.NotFound} If the command or `cwd` does not exist.
 * @throws {Deno.errors.PermissionDenied} If the system refuses to execute the
 * command.
 * @throws {Deno.errors.NotCapable} If this process lacks a permission.
 * @throws {Deno.errors.AddrInUse} If another program listens on the address of
 * `readyUrl`.
 * @throws {Deno.errors.WouldBlock} If there are too many processes.
 * @throws {Error} If there are too many open files.
 * @throws The reason of `options.signal`, if it is already aborted.
 *
 * @example Usage
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
  command: readonly string[],
  options?: SpawnCommandOptions,
): BarrierProcess;
export function spawnWithBarrier(
  target: string | URL | readonly string[],
  options?: SpawnModuleOptions,
): BarrierProcess {
  requireDeno(
    "spawn a child",
    "start it with node:child_process and give a descriptor of it to Barrier.over()",
  );
  const plan = resolve(target, options);
  const launched = launch(plan);
  try {
    return new ChildProcess(plan, launched);
  } catch (error) {
    // Otherwise the process would run without an owner.
    launched.process.kill("SIGKILL");
    throw error;
  }
}
