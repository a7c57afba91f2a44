// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The options of `spawnWithBarrier()`. Each is read once, checked here, and
 * given its default here; everything after this works with a `Plan`.
 */

import { cut } from "../barrier/lines.ts";
import { isAbortSignal } from "../barrier/options.ts";
import { CHANNEL_FD, channelFd } from "../channels/environment.ts";
import { signalNumbers } from "../runtime/exit.ts";
import { DELAY_MAX } from "../runtime/timers.ts";
import { childEnvironment } from "./environment.ts";
import {
  invalid,
  invalidSecret,
  kindOf,
  shownWithoutSecrets,
} from "./errors.ts";
import { Probe } from "./probe.ts";
import {
  type CommandProgram,
  type ModuleProgram,
  NAME_MAX,
  nameOf,
  programOf,
  strings,
} from "./program.ts";
import {
  assertFree,
  assertReachable,
  parseReadyUrl,
  pauseMax,
  tryUrl,
} from "./ready_url.ts";
import { filePath, reader } from "./values.ts";

/** How to start a child: every option, checked and with its default. */
export interface Plan {
  /** What errors and traces call the child. */
  readonly name: string;
  /** The command, or the module with the flags of Deno that run it. */
  readonly program: CommandProgram | ModuleProgram;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  /** All variables, the channel's included. */
  readonly env: Readonly<Record<string, string>>;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** The channel's descriptor in the child; without one it is stdin and stdout. */
  readonly fd: number | undefined;
  readonly stdin: Input;
  readonly stdout: BarrierOutput;
  readonly stderr: BarrierOutput;
  readonly readyLine: RegExp | undefined;
  /** The probes of `readyUrl` and `readyWhen`, each of which counts. */
  readonly probes: readonly Probe[];
  readonly processGroup: boolean;
  readonly endWithParent: boolean;
  readonly signal: AbortSignal | undefined;
  /** In milliseconds, as is `stopGracePeriod`. */
  readonly exitGracePeriod: number;
  readonly stopSignal: Deno.Signal;
  readonly stopGracePeriod: number;
}

/** Where a child's stdin comes from. */
export type Input = "inherit" | "piped" | "null";

/**
 * Where a child's stdout or stderr goes.
 *
 * - `"forward"`: to this process's own stdout or stderr. For the child it is a
 *   pipe.
 * - `"piped"`: to a stream for the caller. At most 16 MiB of unread output is
 *   buffered; then the child must wait.
 * - `"inherit"`: it is shared with this process, including its terminal, so the
 *   child can outlive this process.
 * - `"null"`: it is discarded.
 * - `"errorTail"`: it is hidden, except that the errors of this process quote its
 *   last lines: at most 20 lines and 4 KiB, without control characters.
 * - A function: it is called with each line, including its colors but without its
 *   line ending. A line longer than 64 KiB comes in pieces. Lines printed before
 *   a barrier come before a wait for that barrier resolves. A Node or Bun child
 *   over `"fd"` is an exception while its stdout is full. What the function throws
 *   is passed to `reportError`.
 */
export type BarrierOutput =
  | "forward"
  | "piped"
  | "inherit"
  | "null"
  | "errorTail"
  | ((line: string) => void);

const INPUTS = ["inherit", "piped", "null"] as const;
const OUTPUTS = [
  "forward",
  "piped",
  "inherit",
  "null",
  "errorTail",
] as const;

/** The limit of open files on Linux, unless an administrator raised it. */
const LAST_FD = 2 ** 20 - 1;

/** The largest user or group ID that Node accepts. */
const ID_MAX = 2 ** 31 - 1;

/** How long a module has by default to exit by itself, in milliseconds. */
const MODULE_EXIT_GRACE_PERIOD = 1_000;

/** How long a child has by default between `stopSignal` and `SIGKILL`. */
const STOP_GRACE_PERIOD = 5_000;

/**
 * Checks the target and the options of `spawnWithBarrier()`.
 *
 * @returns What to start, with the defaults in place.
 * @throws {TypeError} If the target or an option is not valid.
 * @throws {RangeError} If a number is out of range.
 * @throws {Deno.errors.NotCapable} If this process lacks a permission.
 * @throws The reason of the signal, if that is already aborted.
 */
export function resolve(target: unknown, options: unknown): Plan {
  const option = optionsReader(options);
  const signal = signalOption(option("signal"));
  const program = programOf(
    target,
    option("permissions"),
    option("denoArgs"),
  );
  const isModule = program.kind === "module";
  const args = strings("args", option("args"));
  const fd = channelOption(option("channel"));
  const stdin = inputOption(option("stdin"), fd);
  const readyLine = readyLineOption(option("readyLine"));
  const { stdout, stderr } = outputOptions(
    option("stdout"),
    option("stderr"),
    fd,
    readyLine !== undefined,
  );
  const clearEnv = booleanOption("clearEnv", option("clearEnv"));
  const probes = [
    ...readyUrlOption(option("readyUrl")),
    ...readyWhenOption(option("readyWhen")),
  ];
  const processGroup = processGroupOption(option("processGroup"));
  const name = nameOption(option("name")) ?? nameOf(program);
  return {
    name,
    program,
    args,
    cwd: cwdOption(option("cwd")),
    uid: idOption("uid", option("uid")),
    gid: idOption("gid", option("gid")),
    fd,
    stdin,
    stdout,
    stderr,
    readyLine,
    probes,
    processGroup,
    endWithParent: booleanOption(
      "endWithParent",
      option("endWithParent"),
      // Such a child cannot see that this process has exited.
      readyLine !== undefined || probes.length > 0 || processGroup,
    ),
    signal,
    exitGracePeriod: milliseconds(
      "Cannot spawn a child",
      "exitGracePeriod",
      option("exitGracePeriod") ?? (isModule ? MODULE_EXIT_GRACE_PERIOD : 0),
    ),
    stopSignal: stopSignalOption(option("stopSignal")),
    stopGracePeriod: milliseconds(
      "Cannot spawn a child",
      "stopGracePeriod",
      option("stopGracePeriod") ?? STOP_GRACE_PERIOD,
    ),
    env: childEnvironment(
      option("env"),
      clearEnv,
      fd === undefined ? "stdio" : `fd:${fd}`,
    ),
  };
}

function optionsReader(options: unknown): (name: string) => unknown {
  if (options === undefined) return () => undefined;
  if (typeof options !== "object" || options === null) {
    throw invalidSecret("the options must be an object", kindOf(options));
  }
  if (Array.isArray(options)) {
    throw invalidSecret(
      "the options must be an object",
      "an array",
      "pass arguments as { args: [...] }",
    );
  }
  return reader(options);
}

/**
 * Checks a time.
 *
 * @param failure What cannot be done with it, for the error.
 * @param hint What to do instead, for the error.
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If it is out of range.
 */
export function milliseconds(
  failure: string,
  name: string,
  value: unknown,
  hint?: string,
): number {
  if (typeof value === "number" && value >= 0 && value <= DELAY_MAX) {
    return value;
  }
  const message =
    `${failure}: '${name}' must be a number of milliseconds from 0 to ${DELAY_MAX}, received ${
      shownWithoutSecrets(value)
    }${hint === undefined ? "" : `; ${hint}`}`;
  throw typeof value === "number"
    ? new RangeError(message)
    : new TypeError(message);
}

function signalOption(value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  if (!isAbortSignal(value)) {
    throw invalid("'signal' must be an AbortSignal", value);
  }
  value.throwIfAborted();
  return value;
}

/** The channel's descriptor in the child; none if it is stdin and stdout. */
function channelOption(value: unknown): number | undefined {
  const isWindows = Deno.build.os === "windows";
  const channel = value ?? (isWindows ? "stdio" : "fd");
  if (channel === "stdio") return undefined;
  const fd = typeof channel === "string" ? channelFd(channel) : undefined;
  if (fd === undefined || fd > LAST_FD) {
    throw invalid(
      `'channel' must be "fd", "fd:N" with a number from ${CHANNEL_FD} to ${LAST_FD}, or "stdio"`,
      channel,
    );
  }
  if (isWindows) throw invalid(`'channel' must be "stdio" on Windows`, channel);
  return fd;
}

function inputOption(value: unknown, fd: number | undefined): Input {
  const stdin = INPUTS.find((item) => item === (value ?? "inherit"));
  if (stdin === undefined) {
    throw invalid(`'stdin' must be one of ${listOf(INPUTS)}`, value);
  }
  if (fd === undefined && value !== undefined && stdin !== "null") {
    throw invalid(
      `'stdin' must be "null" or left out with the channel "stdio", which uses the child's stdin`,
      stdin,
    );
  }
  return stdin;
}

function outputOptions(
  stdoutValue: unknown,
  stderrValue: unknown,
  fd: number | undefined,
  isScanned: boolean,
): { stdout: BarrierOutput; stderr: BarrierOutput } {
  const stdout = outputOption("stdout", stdoutValue ?? "forward");
  const stderr = outputOption(
    "stderr",
    stderrValue ?? (isScanned ? "forward" : "inherit"),
  );
  if (fd === undefined && stdout === "inherit") {
    throw invalid(
      `'stdout' must not be "inherit" with the channel "stdio", which uses the child's stdout`,
      stdout,
    );
  }
  if (isScanned && stdout === "inherit" && stderr === "inherit") {
    throw invalid(
      `'readyLine' needs a 'stdout' or 'stderr' that is not "inherit"`,
      stdout,
    );
  }
  return { stdout, stderr };
}

function outputOption(name: string, value: unknown): BarrierOutput {
  if (typeof value === "function") return value as (line: string) => void;
  const found = OUTPUTS.find((item) => item === value);
  if (found !== undefined) return found;
  throw invalid(
    `'${name}' must be ${
      listOf(OUTPUTS)
    } or a function that is called with each line`,
    value,
  );
}

function listOf(values: readonly string[]): string {
  return values.map((value) => `"${value}"`).join(", ");
}

function readyLineOption(value: unknown): RegExp | undefined {
  if (value === undefined || value instanceof RegExp) return value;
  throw invalid("'readyLine' must be a regular expression", value);
}

function readyUrlOption(value: unknown): Probe[] {
  if (value === undefined) return [];
  const url = parseReadyUrl(value);
  assertReachable(url);
  assertFree(url);
  return [new Probe(tryUrl(url), { pauseMax: pauseMax(url) })];
}

function readyWhenOption(value: unknown): Probe[] {
  if (value === undefined) return [];
  if (typeof value === "function") {
    return [new Probe(value as (signal: AbortSignal) => unknown)];
  }
  throw invalid("'readyWhen' must be a function", value);
}

function booleanOption(
  name: string,
  value: unknown,
  otherwise = false,
): boolean {
  if (value === undefined) return otherwise;
  if (typeof value === "boolean") return value;
  throw invalid(`'${name}' must be a boolean`, value);
}

function nameOption(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const isName = typeof value === "string" && value !== "" &&
    value === cut(value, NAME_MAX);
  if (isName) return value;
  throw invalid(
    `'name' must be 1 to ${NAME_MAX} printable characters`,
    value,
  );
}

function cwdOption(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" && !(value instanceof URL)) {
    throw invalid("'cwd' must be a string or a URL", value);
  }
  const path = value instanceof URL ? filePath("'cwd'", value) : value;
  if (path.includes("\0")) {
    throw invalid("'cwd' must not contain null characters", path);
  }
  return path;
}

function idOption(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const isId = typeof value === "number" && Number.isInteger(value) &&
    value >= 0 && value <= ID_MAX;
  if (!isId) {
    throw invalid(`'${name}' must be an integer from 0 to ${ID_MAX}`, value);
  }
  notOnWindows(name);
  return value;
}

function processGroupOption(value: unknown): boolean {
  if (!booleanOption("processGroup", value)) return false;
  notOnWindows("processGroup");
  // Otherwise the group could be started but not be stopped.
  if (Deno.permissions.querySync({ name: "run" }).state !== "granted") {
    throw new Deno.errors.NotCapable(
      "Cannot spawn a child: 'processGroup' requires run access to all programs; run again with the --allow-run flag",
    );
  }
  return true;
}

function notOnWindows(name: string): void {
  if (Deno.build.os !== "windows") return;
  throw new TypeError(
    `Cannot spawn a child: '${name}' is not supported on Windows`,
  );
}

function stopSignalOption(value: unknown): Deno.Signal {
  if (value === undefined) return "SIGTERM";
  if (typeof value === "string" && Object.hasOwn(signalNumbers(), value)) {
    return value as Deno.Signal;
  }
  throw invalid("'stopSignal' must be the name of a signal", value);
}
