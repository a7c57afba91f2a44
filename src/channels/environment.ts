// Copyright 2026 the @ipc/barrier authors. MIT license.

/* How a child learns of its channel. */

/** Where a child finds what carries its barrier. */
export const CHANNEL_VARIABLE = "BARRIER_CHANNEL";

/** Where a program finds the counter of the one that became it by `exec`. */
export const STATE_VARIABLE = "BARRIER_STATE";

/** Whether what barriers do is printed to stderr: it is if this is "1". */
export const TRACE_VARIABLE = "BARRIER_TRACE";

/** The lowest descriptor, and the usual one, that can be a channel. */
export const CHANNEL_FD = 3;

/** The descriptor that a channel called `"fd"` or `"fd:N"` is; else none. */
export function channelFd(name: string): number | undefined {
  const digits = /^fd(?::(\d{1,7}))?$/.exec(name);
  const fd = Number(digits?.[1] ?? CHANNEL_FD);
  return digits === null || fd < CHANNEL_FD ? undefined : fd;
}

let inherited: number | undefined;

/** Remembers the descriptor that this process's own barrier came with. */
export function setInheritedFd(fd: number): void {
  inherited = fd;
}

/**
 * Returns the descriptor that this process's own barrier came with, if any. It must
 * not be passed on to a child process, which could read what is meant for this one.
 */
export function inheritedFd(): number | undefined {
  return inherited;
}
