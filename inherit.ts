// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * The child's side of a barrier: {@linkcode inheritBarrier} opens the channel that
 * `spawnWithBarrier` has made for it.
 *
 * Import this module instead of `@ipc/barrier` in a child to shorten its startup
 * time.
 *
 * ```ts ignore
 * import { inheritBarrier } from "@ipc/barrier/inherit";
 *
 * using parent = await inheritBarrier();
 * parent.place(); // ready
 * ```
 *
 * @module
 */

import { Barrier } from "./barrier.ts";
import type { BarrierChannel, InternalOptions } from "./src/barrier/channel.ts";
import {
  CHANNEL_FD,
  CHANNEL_VARIABLE,
  channelFd,
  mayRead,
  readVariable,
  STATE_VARIABLE,
  TRACE_VARIABLE,
} from "./src/channels/environment.ts";
import { printable } from "./src/barrier/lines.ts";
import { StdioChannel } from "./src/channels/stdio.ts";

/**
 * Where a program finds its barrier's channel.
 *
 * - `"fd"`: file descriptor 3, one end of a socket pair; `"fd:N"` is another
 *   descriptor.
 * - `"stdio"`: its stdin and stdout, where no descriptor can be passed on: across
 *   `ssh`, into a container, on Windows, to a Deno before 2.8.
 */
export type BarrierChannelKind = "fd" | `fd:${number}` | "stdio";

/** Options for {@linkcode inheritBarrier}. */
export interface InheritBarrierOptions {
  /**
   * The channel to use if `BARRIER_CHANNEL` cannot be read, for example because
   * the program lacks permission or was started over `ssh` or into a container.
   * The default is the channel that `BARRIER_CHANNEL` names or, if this program is
   * not allowed to read it, `"fd"`.
   */
  channel?: BarrierChannelKind | undefined;
  /**
   * If `true`, resolve to `undefined` instead of rejecting when there is no
   * barrier to inherit.
   *
   * @default {false}
   */
  optional?: boolean | undefined;
}

/** Why there is no channel, and what to do. */
const NOBODY =
  "this process was not started by spawnWithBarrier(); if it was, pass 'channel'";

let inherited = false;

/**
 * Opens the barrier that this process's parent made with `spawnWithBarrier`. It
 * needs no permission, and can be called once.
 *
 * After an `exec`, counting continues from `BARRIER_STATE`, if this program is
 * allowed to read that variable, and from 0 otherwise.
 *
 * If stdin and stdout are the channel, this process notices what its parent does
 * only while a wait is pending, or once {@linkcode Barrier.prototype.signal} has
 * been accessed. After a canceled wait, or once `signal` has been accessed, this
 * process stays alive until the parent exits or sends something, or until the
 * barrier is destroyed. The parent notices the destruction only when this process
 * exits. What this process prints reaches the parent's `stdout`.
 *
 * If `BARRIER_TRACE` is `"1"` and this program is allowed to read it, what this side
 * does is printed to stderr.
 *
 * @param options The channel, and whether a barrier is required.
 * @returns The child's side of the barrier.
 * @throws {Deno.errors.NotFound} If there is no barrier to inherit.
 * @throws {Deno.errors.BadResource} If the descriptor is not a pipe or a connected
 * socket.
 * @throws {Deno.errors.Busy} If the barrier has already been inherited.
 * @throws {TypeError} If `channel`, `BARRIER_CHANNEL` or `BARRIER_STATE` is not
 * valid.
 *
 * @example Usage
 * ```ts ignore
 * import { inheritBarrier } from "@ipc/barrier/inherit";
 *
 * using parent = await inheritBarrier();
 * parent.place(); // ready
 * await parent.receive(); // rejects if the parent aborts or exits
 * ```
 */
export function inheritBarrier(
  options?: InheritBarrierOptions & { optional?: false | undefined },
): Promise<Barrier>;
/**
 * Opens the barrier, if there is one.
 *
 * @param options The channel, and whether a barrier is required.
 * @returns The child's side of the barrier; `undefined` if there is none and
 * `options.optional` is `true`.
 *
 * @example Usage
 * ```ts
 * import { inheritBarrier } from "@ipc/barrier/inherit";
 *
 * using parent = await inheritBarrier({ optional: true });
 * parent?.place(); // ready, if a parent waits for it
 * ```
 */
export function inheritBarrier(
  options: InheritBarrierOptions,
): Promise<Barrier | undefined>;
export async function inheritBarrier(
  options: InheritBarrierOptions = {},
): Promise<Barrier | undefined> {
  if (inherited) {
    throw new Deno.errors.Busy(
      "Cannot inherit a barrier: inheritBarrier() has already been called; call it once and share its result",
    );
  }
  inherited = true;
  try {
    return await inherit(options);
  } catch (error) {
    inherited = false;
    if (options.optional && error instanceof Deno.errors.NotFound) return;
    throw error;
  }
}

async function inherit(options: InheritBarrierOptions): Promise<Barrier> {
  const variable = readVariable(CHANNEL_VARIABLE);
  const state = readVariable(STATE_VARIABLE);
  const barriers = state === undefined ? 0 : parseState(state);
  // Before the channel: nobody listens on that until there is a barrier.
  const trace = readVariable(TRACE_VARIABLE) === "1"
    ? await import("./src/trace.ts")
    : undefined;
  const name = options.channel ?? variable;
  const channel = name === undefined
    ? await findChannel()
    : await openChannel(name);
  // They are not for the processes below.
  if (variable !== undefined) Deno.env.delete(CHANNEL_VARIABLE);
  if (state !== undefined) Deno.env.delete(STATE_VARIABLE);
  const child: InternalOptions = {
    role: "child",
    barriers,
    observer: trace?.traceOf("child"),
  };
  return new Barrier(channel, child);
}

function parseState(value: string): number {
  const barriers = /^-?\d+$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(barriers)) {
    throw new TypeError(
      `Cannot inherit a barrier: ${STATE_VARIABLE} must be a number of barriers, received ${
        shown(value)
      }`,
    );
  }
  return barriers;
}

/** Shows what the environment says, which may be anybody's. */
function shown(value: string): string {
  return printable(Deno.inspect(value));
}

/** Opens the channel of a process that may not read where it is. */
async function findChannel(): Promise<BarrierChannel> {
  if (mayRead(CHANNEL_VARIABLE) || Deno.build.os === "windows") {
    throw new Deno.errors.NotFound(`Cannot inherit a barrier: ${NOBODY}`);
  }
  try {
    return await openChannel("fd");
  } catch (cause) {
    throw new Deno.errors.NotFound(
      `Cannot inherit a barrier: ${NOBODY}; if ${CHANNEL_VARIABLE} names it, use --allow-env=${CHANNEL_VARIABLE}`,
      { cause },
    );
  }
}

async function openChannel(name: string): Promise<BarrierChannel> {
  if (name === "stdio") {
    return new StdioChannel();
  }
  const fd = channelFd(name);
  if (fd === undefined) {
    throw new TypeError(
      `Cannot inherit a barrier: the channel must be "fd", "fd:N" with a number from ${CHANNEL_FD} on, or "stdio", received ${
        shown(name)
      }`,
    );
  }
  // It is large, and a child over "stdio" does not need it.
  const { InheritedChannel } = await import("./src/channels/socket.ts");
  return await InheritedChannel.from(fd);
}
