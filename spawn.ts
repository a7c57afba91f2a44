// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Barriers between processes: {@linkcode spawnWithBarrier} starts a child that
 * inherits one end of a channel, {@linkcode inheritBarrier} picks it up there.
 *
 * The child may be a Deno module, or any program: one that speaks the protocol,
 * which `PROTOCOL.md` describes and a shell does with `echo >&3`; one that
 * announces on a file descriptor that it is ready; or one that just prints it,
 * which `readyLine` looks for.
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

import {
  commandLine,
  isCommand,
  programName,
} from "./src/spawn/command_line.ts";
import { invalid } from "./src/spawn/errors.ts";
import { launch } from "./src/spawn/launch.ts";
import {
  checkProcessOptions,
  ChildBarrier,
} from "./src/spawn/child_process.ts";
import type { Barrier, BarrierWaitOptions } from "./barrier.ts";
import type { BarrierChannelKind } from "./inherit.ts";

export * from "./inherit.ts";

/**
 * What becomes of a child's stdout or stderr.
 *
 * - `"forward"`: it is written to this process's own. For the child it is a
 *   pipe.
 * - `"piped"`: it is a stream for the caller. What nobody reads is kept, up to 16
 *   MiB; then the child has to wait.
 * - `"inherit"`: it is this process's own, so that the child has its terminal,
 *   and can outlive this process.
 * - `"null"`: it is thrown away.
 */
export type BarrierOutput = "forward" | "piped" | "inherit" | "null";

/** Options for {@linkcode spawnWithBarrier} that every child has. */
export interface SpawnOptions {
  /** Arguments for the module or the command. */
  args?: readonly string[] | undefined;
  /** The child's working directory; by default this process's own. */
  cwd?: string | URL | undefined;
  /** Environment variables of the child, besides those of this process. */
  env?: Record<string, string> | undefined;
  /**
   * Whether the child gets `env` alone, and nothing of this process's
   * environment.
   *
   * @default {false}
   */
  clearEnv?: boolean | undefined;
  /** The child's user ID. Not for Windows. */
  uid?: number | undefined;
  /** The child's group ID. Not for Windows. */
  gid?: number | undefined;
  /**
   * What becomes of the child's stderr. With `readyLine` the default is
   * `"forward"`.
   *
   * @default {"inherit"}
   */
  stderr?: BarrierOutput | undefined;
  /**
   * For programs that know nothing of barriers: every line that they print on
   * stdout or stderr and that matches counts as a barrier that they placed. Its
   * note is the first capture group or, without one, the line. A line ends with
   * LF, or with the CR by which it is overwritten. Colours and control characters
   * are removed before, and a tab becomes a space.
   *
   * The program has to stay in the foreground. That it closes its descriptors
   * means nothing; the barrier ends when the process is gone and what it had
   * printed has been read. At least one of `stdout` and `stderr` must not be
   * `"inherit"`.
   */
  readyLine?: RegExp | undefined;
  /**
   * Whether the child leads a process group of its own, and all signals go to
   * the whole group: for `sh -c`, `npm run`, and whatever starts programs of its
   * own. It is over when the whole group is. What makes another group or session
   * is not reached (`su -c`, `setsid`, a daemon).
   *
   * The group is a session without a terminal, so none of it can ask for a
   * password. A terminal's Ctrl-C reaches this process alone, which has to end
   * the child; and this process needs `--allow-run` for all programs. Not for
   * Windows.
   *
   * @default {false}
   */
  processGroup?: boolean | undefined;
  /**
   * Ends the child: the barrier is aborted with the signal's reason, which is
   * the `cause` of the barrier's own, and the child is ended as `await using`
   * does it. A signal that is aborted already makes the call throw its reason.
   */
  signal?: AbortSignal | undefined;
  /**
   * What asks the child to end. PostgreSQL wants `"SIGINT"`, nginx `"SIGQUIT"`.
   *
   * @default {"SIGTERM"}
   */
  stopSignal?: Deno.Signal | undefined;
  /**
   * How long, in milliseconds, a child that is being ended has to leave by
   * itself, as one that knows of the barrier does, before `stopSignal`. The
   * default is 1,000 for a module, and 0 for a command.
   */
  exitGracePeriod?: number | undefined;
  /**
   * How long, in milliseconds, a child that is being ended has between
   * `stopSignal` and `SIGKILL`.
   *
   * @default {5000}
   */
  stopGracePeriod?: number | undefined;
}

/** Options for a child whose barrier has a file descriptor of its own. */
export interface SpawnDescriptorChannelOptions {
  /**
   * What carries the barrier: a file descriptor. The default is `"fd"`, and on
   * Windows `"stdio"`.
   */
  channel?: Exclude<BarrierChannelKind, "stdio"> | undefined;
  /**
   * The child's stdin.
   *
   * @default {"inherit"}
   */
  stdin?: "inherit" | "piped" | "null" | undefined;
  /**
   * What becomes of the child's stdout.
   *
   * @default {"forward"}
   */
  stdout?: BarrierOutput | undefined;
}

/** Options for a child whose stdin and stdout carry the barrier. */
export interface SpawnStdioChannelOptions {
  /** What carries the barrier: the child's stdin and stdout. */
  channel: "stdio";
  /** Not to be given, as the child's stdin is the channel. */
  stdin?: undefined;
  /**
   * What becomes of what the child prints to stdout, besides the barrier.
   *
   * @default {"forward"}
   */
  stdout?: Exclude<BarrierOutput, "inherit"> | undefined;
}

/** What carries the barrier, and what that leaves of stdin and stdout. */
export type SpawnChannelOptions =
  | SpawnDescriptorChannelOptions
  | SpawnStdioChannelOptions;

/** Options for a child that is a Deno module. */
export interface SpawnDenoOptions {
  /**
   * What the module may do: nothing; everything; or what the object says for
   * each kind. An `"inherit"` in it grants the kind if this process holds it
   * whole. A module over `"stdio"` or `"fd:N"` may also read the variable
   * `BARRIER_CHANNEL`, which says where its channel is.
   *
   * Unlike a worker, a module may import from Deno's default hosts
   * (`jsr.io`, `deno.land` and others) whatever this says, as a child has to
   * import this module from there. `denoArgs: ["--cached-only"]` leaves it what
   * is cached already, `["--no-remote", "--no-npm"]` nothing.
   *
   * @default {"none"}
   */
  permissions?: "none" | "all" | Deno.PermissionOptionsObject | undefined;
  /** Further flags of `deno run`. */
  denoArgs?: readonly string[] | undefined;
}

/** All options for {@linkcode spawnWithBarrier} that start a command. */
export type SpawnCommandOptions = SpawnOptions & SpawnChannelOptions;

/** All options for {@linkcode spawnWithBarrier} that start a Deno module. */
export type SpawnModuleOptions = SpawnCommandOptions & SpawnDenoOptions;

/** Options for {@linkcode BarrierProcess.ready}. */
export interface BarrierReadyOptions extends BarrierWaitOptions {
  /** How long to wait, in milliseconds. By default there is no limit. */
  timeout?: number | undefined;
}

/**
 * A child process and this side of the {@linkcode Barrier} shared with it. It
 * is made by {@linkcode spawnWithBarrier}, and shaped like `Deno.ChildProcess`.
 *
 * The process keeps this one alive until it exits, unless
 * {@linkcode BarrierProcess.unref} was called.
 *
 * Its `signal` is aborted when the barrier was aborted or destroyed, when the
 * process is gone, or when a wait failed because the channel was closed; not by
 * that alone, as a daemon may announce itself and close the descriptor.
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
   * had printed to a stdout or stderr that is `"forward"` has been written.
   */
  readonly status: Promise<Deno.CommandStatus>;
  /**
   * How the process exited. It resolves as soon as the process is gone, whatever
   * its output does.
   */
  readonly exited: Promise<Deno.CommandStatus>;
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
   * Waits until the process places its next barrier, as `waitNext()` does, and
   * rejects where that gives `false`. So `Promise.all` fails fast, and a script
   * cannot go on with a process that died.
   *
   * @param options How long to wait, and a signal to cancel the wait.
   * @returns {@linkcode Barrier.prototype.note}: the text of the newest barrier
   * that had one.
   * @throws {BarrierAbortedError} If the barrier was aborted, or the process is
   * gone. The message names the process.
   * @throws {DOMException} With the name `TimeoutError`, if the time is over.
   * @throws {TypeError} If `timeout` is no number.
   * @throws {RangeError} If `timeout` is out of range.
   *
   * @example Usage
   * ```ts
   * import { spawnWithBarrier } from "@ipc/barrier/spawn";
   * import { assertEquals, assertRejects } from "@std/assert";
   *
   * await using child = spawnWithBarrier(["sh", "-c", "echo 8000 >&3"]);
   * assertEquals(await child.ready({ timeout: 60_000 }), "8000");
   * await assertRejects(() => child.ready(), Error, "exited with code 0");
   * ```
   */
  ready(options?: BarrierReadyOptions): Promise<string | undefined>;
  /**
   * Sends a signal to the process or, with `processGroup`, to its group.
   *
   * @param signal The signal, `"SIGTERM"` by default.
   * @throws {TypeError} If the process has already exited.
   * @throws {Deno.errors.PermissionDenied} If the process may not be signalled.
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
  kill(signal?: Deno.Signal | number): void;
  /** Lets the process keep this one alive, as it does at first. */
  ref(): void;
  /**
   * Lets this process end while the other still runs. A pending wait or read
   * keeps it alive even so, and so does what was placed while the channel was
   * full.
   */
  unref(): void;
  /**
   * Ends the process as `await using` does, but does not wait until it is gone.
   */
  [Symbol.dispose](): void;
  /**
   * Ends the process. It destroys the barrier and gives the process `exitGracePeriod`
   * to leave by itself, then sends `stopSignal` (and `SIGCONT`, so that a stopped
   * process can act on it), after `stopGracePeriod` `SIGKILL`, and waits for the
   * status. It waits no longer than `stopGracePeriod`, or one second, for a reader of
   * this process's stdout that has stopped reading.
   *
   * @returns A promise that resolves when the process is gone.
   * @throws {Deno.errors.PermissionDenied} If the process may not be signalled.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How long, in milliseconds, a module has to leave by itself. */
const MODULE_EXIT_GRACE_PERIOD = 1_000;

/**
 * Starts a child process that shares a barrier with this one. It does not wait
 * for anything; the child says by a barrier that it is ready.
 *
 * It needs `--allow-env` (with `clearEnv`, `--allow-env=NODE_V8_COVERAGE`, which
 * Node's module reads), and `--allow-run` for the program, which for a Deno
 * module is Deno itself.
 *
 * If `BARRIER_TRACE` is `"1"`, what this side does is printed to stderr. A module
 * that gets that variable too may read it, whatever `permissions` say, unless one
 * of `denoArgs` decides on all variables (`--deny-env`, `-P`).
 *
 * @param module A Deno module, run by the same Deno as this process. A string
 * that is no URL is a path, relative to the child's `cwd`.
 * @param options How to start it.
 * @returns The child process, with this side of the barrier.
 * @throws {TypeError} If an argument is not valid.
 * @throws {RangeError} If a delay is out of range.
 * @throws {Deno.errors.NotFound} If there is no such command, or no such `cwd`.
 * @throws {Deno.errors.PermissionDenied} If the command may not be executed.
 * @throws {Deno.errors.NotCapable} If this process lacks a permission.
 * @throws {Deno.errors.WouldBlock} If there are too many processes.
 * @throws {Error} If there are too many open files.
 * @throws The reason of `options.signal`, if that is aborted.
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
 * @param command The words of the command, the program first.
 * @param options How to start it.
 * @returns The child process, with this side of the barrier.
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
  options: SpawnModuleOptions = {},
): BarrierProcess {
  if (typeof options !== "object" || options === null) {
    throw invalid("the options must be an object", options);
  }
  const words = commandLine(target, options);
  checkProcessOptions(options);
  const launched = launch(words, options);
  const exitGracePeriod = options.exitGracePeriod ??
    (isCommand(target) ? 0 : MODULE_EXIT_GRACE_PERIOD);
  return new ChildBarrier(launched, programName(target), {
    ...options,
    exitGracePeriod,
  });
}
