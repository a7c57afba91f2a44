// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Starts a process from its plan. */

import { inheritedFd } from "../channels/environment.ts";
import { isStdinChannel } from "../channels/stdio.ts";
import { spawnOrThrow } from "../runtime/process.ts";
import { commandLine } from "./command_line.ts";
import type { BarrierOutput, Input, Plan } from "./options.ts";
import { spawnError } from "./spawn_error.ts";
import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";

/** A process that was started, and this side's ends of its pipes. */
export interface Launched {
  readonly process: ChildProcess;
  /** The socket of a channel of its own; otherwise stdin and stdout are the channel. */
  readonly socket: Socket | undefined;
  readonly stdin: Socket | undefined;
  readonly stdout: Socket | undefined;
  readonly stderr: Socket | undefined;
}

/**
 * Starts a process, or throws as `Deno.Command` does.
 *
 * @throws {Deno.errors.NotFound} If the command or the working directory does
 * not exist.
 * @throws {Deno.errors.PermissionDenied} If the command may not be executed.
 * @throws {Deno.errors.NotCapable} If this process lacks a permission.
 */
export function launch(plan: Plan): Launched {
  const { cwd, uid, gid, fd } = plan;
  let process: ChildProcess;
  try {
    process = spawnOrThrow(commandLine(plan), {
      ...cwd === undefined ? {} : { cwd },
      ...uid === undefined ? {} : { uid },
      ...gid === undefined ? {} : { gid },
      detached: plan.processGroup,
      env: plan.env,
      stdio: descriptors(plan),
    });
  } catch (cause) {
    throw spawnError(cause, plan);
  }
  const own = inheritedFd();
  if (own !== undefined && own !== fd) socketOf(process.stdio[own])?.destroy();
  return {
    process,
    socket: fd === undefined ? undefined : process.stdio[fd] as Socket,
    stdin: socketOf(process.stdin),
    stdout: socketOf(process.stdout),
    stderr: socketOf(process.stderr),
  };
}

function socketOf(stream: unknown): Socket | undefined {
  return stream as Socket | null ?? undefined;
}

/** What Node calls a descriptor of a child. "ignore" is the null device. */
type NodeStdio = "inherit" | "pipe" | "ignore";

/**
 * The child's descriptors, from 0 on.
 *
 * @param own The descriptor of this process's own barrier, if any. A child must
 * not read what is meant for this process, so it gets a pipe that is closed. The
 * null device would do, but Deno lets a child inherit an "ignore" from 3 on (2.9,
 * not reported upstream).
 */
export function descriptors(
  { fd, stdin, stdout, stderr, readyLine }: Pick<
    Plan,
    "fd" | "stdin" | "stdout" | "stderr" | "readyLine"
  >,
  own: number | undefined = inheritedFd(),
): NodeStdio[] {
  const isRead = readyLine !== undefined;
  const stdio: NodeStdio[] = fd === undefined
    ? ["pipe", "pipe", nodeOutput(stderr, isRead)]
    : [
      nodeInput(stdin),
      nodeOutput(stdout, isRead),
      nodeOutput(stderr, isRead),
    ];
  // The descriptors in between stay as they are: another program may have given
  // them to the child, as `make` does with those of its job server.
  while (stdio.length <= Math.max(fd ?? 0, own ?? 0)) stdio.push("inherit");
  if (own !== undefined) stdio[own] = "pipe";
  if (fd !== undefined) stdio[fd] = "pipe";
  return stdio;
}

function nodeInput(stdin: Input): NodeStdio {
  if (stdin === "piped") return "pipe";
  // A child must not read what this process's parent sends on its channel.
  if (stdin === "null" || isStdinChannel()) return "ignore";
  return "inherit";
}

function nodeOutput(kind: BarrierOutput, isRead: boolean): NodeStdio {
  if (kind === "inherit") return "inherit";
  return kind === "null" && !isRead ? "ignore" : "pipe";
}
