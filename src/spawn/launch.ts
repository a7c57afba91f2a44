// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Starting a process: its descriptors, its environment, and what can fail. */

import {
  CHANNEL_FD,
  CHANNEL_VARIABLE,
  channelFd,
  STATE_VARIABLE,
} from "../channels/environment.ts";
import { builtin } from "../runtime/builtin.ts";
import { spawnOrThrow } from "../runtime/process.ts";
import { defaultChannel } from "./command_line.ts";
import { invalid } from "./errors.ts";
import { isStdinChannel } from "../channels/stdio.ts";
import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";

/** What a child's stdin is. */
export type Input = "inherit" | "piped" | "null";

/** What a child's stdout or stderr is. */
export type OutputKind = "forward" | "piped" | "inherit" | "null";

/** How to start a process; see `SpawnCommandOptions`. */
export interface LaunchOptions {
  cwd?: string | URL | undefined;
  env?: Record<string, string> | undefined;
  clearEnv?: boolean | undefined;
  uid?: number | undefined;
  gid?: number | undefined;
  channel?: string | undefined;
  stdin?: Input | undefined;
  stdout?: OutputKind | undefined;
  stderr?: OutputKind | undefined;
  readyLine?: RegExp | undefined;
  processGroup?: boolean | undefined;
}

/** A process that was started, and this side's ends of its pipes. */
export interface Launched {
  process: ChildProcess;
  /** The socket of a channel of its own; else stdin and stdout are the channel. */
  socket: Socket | undefined;
  stdin: Socket | undefined;
  stdout: Socket | undefined;
  stderr: Socket | undefined;
  /** What becomes of the output. */
  kinds: { stdout: OutputKind; stderr: OutputKind };
}

/** A limit of Linux, unless an administrator raised it: 2 to the 20th. */
const LAST_FD = 2 ** 20 - 1;

/** The largest number of a user or a group that Node takes. */
const ID_MAX = 2 ** 31 - 1;

/**
 * Starts a process, or throws as `Deno.Command` does.
 *
 * @throws {TypeError} If an option is not valid.
 * @throws {Deno.errors.NotFound} If there is no such command, or no such `cwd`.
 * @throws {Deno.errors.PermissionDenied} If the command may not be executed.
 * @throws {Deno.errors.NotCapable} If this process lacks a permission.
 */
export function launch(
  words: readonly string[],
  options: LaunchOptions,
): Launched {
  const { cwd, uid, gid, processGroup = false } = options;
  const fd = channelDescriptor(options.channel);
  const { stdio, kinds } = descriptors(fd, options);
  checkRest(options);
  const env = environment(fd === undefined ? "stdio" : `fd:${fd}`, options);
  let process: ChildProcess;
  try {
    process = spawnOrThrow(words, {
      ...cwd === undefined ? {} : { cwd },
      ...uid === undefined ? {} : { uid },
      ...gid === undefined ? {} : { gid },
      detached: processGroup,
      env,
      stdio,
    });
  } catch (cause) {
    throw spawnError(words[0]!, cause, options);
  }
  return {
    process,
    socket: fd === undefined ? undefined : process.stdio[fd] as Socket,
    stdin: socketOf(process.stdin),
    stdout: socketOf(process.stdout),
    stderr: socketOf(process.stderr),
    kinds,
  };
}

function socketOf(stream: unknown): Socket | undefined {
  return stream as Socket | null ?? undefined;
}

/** The channel's descriptor in the child; none if that is stdin and stdout. */
function channelDescriptor(channel: unknown): number | undefined {
  channel ??= defaultChannel();
  if (channel === "stdio") return undefined;
  const fd = typeof channel === "string" ? channelFd(channel) : undefined;
  if (fd === undefined || fd > LAST_FD) {
    throw invalid(
      `'channel' must be "fd", "fd:N" with a number from ${CHANNEL_FD} to ${LAST_FD}, or "stdio"`,
      channel,
    );
  }
  if (Deno.build.os === "windows") {
    throw invalid(`'channel' must be "stdio" on Windows`, channel);
  }
  return fd;
}

/** What the child's descriptors are, from 0 on. */
function descriptors(
  fd: number | undefined,
  options: LaunchOptions,
): { stdio: NodeStdio[]; kinds: Launched["kinds"] } {
  const { readyLine } = options;
  const stdin = input(options.stdin);
  const stdout = output("stdout", options.stdout);
  let stderr = output("stderr", options.stderr ?? "inherit");
  if (readyLine !== undefined) {
    if (options.stderr === undefined) stderr = "forward";
    if (stdout === "inherit" && stderr === "inherit") {
      throw invalid(
        `'readyLine' needs a 'stdout' or 'stderr' that is not "inherit"`,
        stdout,
      );
    }
  }
  const kinds = { stdout, stderr };
  const isRead = readyLine !== undefined;
  if (fd === undefined) {
    if (options.stdin !== undefined) {
      throw invalid(
        `'stdin' belongs to the channel "stdio" and cannot be chosen`,
        stdin,
      );
    }
    if (stdout === "inherit") {
      throw invalid(
        `'stdout' must be "forward", "piped" or "null" with the channel "stdio"`,
        stdout,
      );
    }
    return { stdio: ["pipe", "pipe", nodeOutput(stderr, isRead)], kinds };
  }
  // A descriptor between is left as it is: another program may have given it to
  // the child, as `make` does with its job server's.
  const between = new Array<NodeStdio>(fd - CHANNEL_FD).fill("inherit");
  return {
    stdio: [
      nodeInput(stdin),
      nodeOutput(stdout, isRead),
      nodeOutput(stderr, isRead),
      ...between,
      "pipe",
    ],
    kinds,
  };
}

/** What Node calls the kinds. "ignore" is the null device. */
type NodeStdio = "inherit" | "pipe" | "ignore";

function input(value: unknown = "inherit"): Input {
  switch (value) {
    case "inherit":
    case "piped":
    case "null":
      return value;
    default:
      throw invalid(`'stdin' must be "inherit", "piped" or "null"`, value);
  }
}

function output(name: string, value: unknown = "forward"): OutputKind {
  switch (value) {
    case "forward":
    case "piped":
    case "inherit":
    case "null":
      return value;
    default:
      throw invalid(
        `'${name}' must be "forward", "piped", "inherit" or "null"`,
        value,
      );
  }
}

function nodeInput(stdin: Input): NodeStdio {
  if (stdin === "piped") return "pipe";
  // A program below must not read what the parent sends on the channel.
  if (stdin === "null" || isStdinChannel()) return "ignore";
  return "inherit";
}

function nodeOutput(kind: OutputKind, isRead: boolean): NodeStdio {
  if (kind === "inherit") return "inherit";
  return kind === "null" && !isRead ? "ignore" : "pipe";
}

function checkRest(options: LaunchOptions): void {
  const { cwd, uid, gid, clearEnv, readyLine, processGroup } = options;
  const isWindows = Deno.build.os === "windows";
  if (
    cwd !== undefined && typeof cwd !== "string" && !(cwd instanceof URL)
  ) {
    throw invalid("'cwd' must be a string or a URL", cwd);
  }
  for (const [name, value] of Object.entries({ uid, gid })) {
    if (value === undefined) continue;
    if (!Number.isInteger(value) || value < 0 || value > ID_MAX) {
      throw invalid(`'${name}' must be an integer from 0 to ${ID_MAX}`, value);
    }
    if (isWindows) throw invalid(`'${name}' is not for Windows`, value);
  }
  for (const [name, value] of Object.entries({ clearEnv, processGroup })) {
    if (value !== undefined && typeof value !== "boolean") {
      throw invalid(`'${name}' must be a boolean`, value);
    }
  }
  if (readyLine !== undefined && !(readyLine instanceof RegExp)) {
    throw invalid("'readyLine' must be a regular expression", readyLine);
  }
  if (!processGroup) return;
  if (isWindows) throw invalid("'processGroup' is not for Windows", true);
  // Otherwise the group could be started, and not be ended.
  if (Deno.permissions.querySync({ name: "run" }).state !== "granted") {
    throw new Deno.errors.NotCapable(
      `Cannot spawn a child: 'processGroup' requires run access to all programs, run again with the --allow-run flag`,
    );
  }
}

/** The variables of the child. */
function environment(
  channel: string,
  { env = {}, clearEnv = false }: LaunchOptions,
): Record<string, string> {
  if (typeof env !== "object" || env === null) {
    throw invalid("'env' must be an object", env);
  }
  const variables = new Map<string, [name: string, value: string]>();
  const set = (name: string, value: string) =>
    variables.set(variableKey(name), [name, value]);
  if (!clearEnv) {
    for (const [name, value] of Object.entries(Deno.env.toObject())) {
      // If there is one, it is this process's own.
      if (name !== STATE_VARIABLE) set(name, value);
    }
  }
  for (const [name, value] of Object.entries(env)) {
    if (typeof value !== "string" || value.includes("\0")) {
      throw invalid(
        `the variable "${name}" in 'env' must be a string without null characters`,
        value,
      );
    }
    if (name === "" || /[=\0]/.test(name)) {
      throw invalid(
        "the names in 'env' must not be empty, nor have '=' or null characters",
        name,
      );
    }
    set(name, value);
  }
  set(CHANNEL_VARIABLE, channel);
  return Object.fromEntries(variables.values());
}

/** What tells variables apart: on Windows, upper and lower case are the same. */
function variableKey(name: string): string {
  return Deno.build.os === "windows" ? name.toUpperCase() : name;
}

function spawnError(
  command: string,
  cause: unknown,
  { channel, cwd }: LaunchOptions,
): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  switch (code) {
    case "ENOENT": {
      const where = cwd === undefined
        ? ""
        : `, or no working directory "${cwd}"`;
      return new Deno.errors.NotFound(
        `Cannot spawn "${command}": there is no such command${where}`,
        { cause },
      );
    }
    case "EBADF":
      return new RangeError(
        `Cannot spawn "${command}": the number of the channel "${channel}" is beyond this process's limit of open files`,
        { cause },
      );
    case "EMFILE":
    case "ENFILE":
      return new Error(
        `Cannot spawn "${command}": there are too many open files, end some children or raise the limit of open files`,
        { cause },
      );
    case "EAGAIN":
      return new Deno.errors.WouldBlock(
        `Cannot spawn "${command}": there are too many processes, end some or raise their limit`,
        { cause },
      );
    case "EACCES":
    case "EPERM":
      return new Deno.errors.PermissionDenied(
        `Cannot spawn "${command}": permission denied by the system`,
        { cause },
      );
    default:
      return cause;
  }
}

/** Makes a status like Deno's of what Node's exit event tells. */
export function commandStatus(
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
