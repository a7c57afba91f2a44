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

/** Reads a variable if that is allowed. */
export function readVariable(variable: string): string | undefined {
  // At a terminal, Deno would ask the user. Elsewhere it throws immediately, which
  // saves a child a query that takes as long as all the rest of this.
  if (Deno.stdin.isTerminal() && !mayRead(variable)) return undefined;
  try {
    return Deno.env.get(variable);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** Whether a variable may be read without asking the user. */
export function mayRead(variable: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted";
}
