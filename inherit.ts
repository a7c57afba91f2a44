// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * The child's side: {@linkcode inheritBarrier} picks up the end of the channel
 * that `spawnWithBarrier` left for it.
 *
 * It is a module of its own because a child is waited for: importing this starts
 * it sooner than importing all that the parent needs.
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
 * - `"stdio"`: its stdin and stdout, where no descriptor can be handed on: across
 *   `ssh`, into a container, on Windows, to a Deno before 2.8.
 */
export type BarrierChannelKind = "fd" | `fd:${number}` | "stdio";

/** Options for {@linkcode inheritBarrier}. */
export interface InheritBarrierOptions {
  /**
   * Where the channel is, for a program that cannot be told: one that may not
   * read `BARRIER_CHANNEL`, or that is started across `ssh` or into a container,
   * which pass no variables on. By default it is what `BARRIER_CHANNEL` says or,
   * if that may not be read, `"fd"`.
   */
  channel?: BarrierChannelKind | undefined;
  /**
   * Whether this program also runs without a parent that waits for it. Then
   * there is no barrier, and no error.
   *
   * @default {false}
   */
  optional?: boolean | undefined;
}

/** Why there is no channel, and what to do. */
const NOBODY =
  "nobody gave this process one, start it with spawnWithBarrier() or name its channel";

let inherited = false;

/**
 * Picks up the barrier that this process's parent made with `spawnWithBarrier`.
 * It needs no permission. This can be done once.
 *
 * A program that another one became by `exec` goes on counting from
 * `BARRIER_STATE`, if it may read that variable, and from 0 otherwise.
 *
 * If stdin and stdout are the channel, this process notices what its parent does
 * only while a wait is pending, or once {@linkcode Barrier.prototype.signal} was
 * asked for. A wait that is cancelled, and such a signal, keep this process alive
 * until the parent goes or sends something, or the barrier is destroyed; and the
 * parent sees that it was destroyed when this process exits. What this process
 * prints reaches the parent's `stdout`.
 *
 * If `BARRIER_TRACE` is `"1"` and may be read, what this side does is printed to
 * stderr.
 *
 * @param options Where the channel is, and whether there has to be one.
 * @returns The child's side of the barrier.
 * @throws {Deno.errors.NotFound} If there is no barrier to inherit.
 * @throws {Deno.errors.BadResource} If the descriptor that was named is no
 * channel.
 * @throws {Deno.errors.Busy} If the barrier was inherited already.
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
 * Picks up the barrier, if there is one.
 *
 * @param options Where the channel is, and whether there has to be one.
 * @returns The child's side of the barrier; `undefined` if there is none and
 * `options.optional` is `true`.
 *
 * @example Usage
 * ```ts
 * import { inheritBarrier } from "@ipc/barrier/inherit";
 *
 * using parent = await inheritBarrier({ optional: true });
 * parent?.place(); // ready, if anybody waits for it
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
      "Cannot inherit a barrier: it was inherited already",
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
