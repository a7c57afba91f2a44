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

import "./src/channels/modules.ts"; // before any other
import { Barrier } from "./src/barrier/barrier.ts";
import type { BarrierChannel } from "./src/barrier/channel.ts";
import type { InternalOptions } from "./src/barrier/options.ts";
import { shown } from "./src/barrier/lines.ts";
import {
  CHANNEL_FD,
  CHANNEL_VARIABLE,
  channelFd,
  setInheritedFd,
  STATE_VARIABLE,
  TRACE_VARIABLE,
} from "./src/channels/environment.ts";
import { StdioChannel } from "./src/channels/stdio.ts";
import {
  deleteVariable,
  hostError,
  isWindows,
  mayRead,
  readVariable,
} from "./src/runtime/host.ts";

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
   * The channel to use, whatever `BARRIER_CHANNEL` says. Pass it if that variable
   * cannot be read, for example because the program lacks permission or was started
   * over `ssh` or into a container. The default is the channel that the variable
   * names or, if this program is not allowed to read it, `"fd"`.
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

/** Resolves to whether one of the calls so far has inherited the barrier. */
let inherited: Promise<boolean> = Promise.resolve(false);

/**
 * Opens the barrier that this process's parent made with `spawnWithBarrier`, in
 * Deno, Node or Bun. It needs no permission, and can be called once.
 *
 * After an `exec`, counting continues from `BARRIER_STATE`, if this program is
 * allowed to read that variable, and from 0 otherwise.
 *
 * If stdin and stdout are the channel, this process notices what its parent does
 * only while a wait is pending, or once {@linkcode Barrier.prototype.signal} has
 * been accessed. After a canceled wait, or once `signal` has been accessed, a Deno
 * process stays alive until the parent exits or sends something, or until the
 * barrier is destroyed. The parent notices the destruction only when this process
 * exits. What this process prints reaches the parent's `stdout`.
 *
 * If `BARRIER_TRACE` is `"1"` and this program is allowed to read it, what this side
 * does is printed to stderr.
 *
 * @param options The channel, and whether a barrier is required.
 * @returns The child's side of the barrier.
 * @throws {Deno.errors.NotFound} If there is no barrier to inherit. In Node and Bun,
 * this and the next two are an `Error` whose `name` is that of the class.
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
export function inheritBarrier(
  options: InheritBarrierOptions = {},
): Promise<Barrier | undefined> {
  const earlier = inherited;
  const barrier = inherit(options, earlier);
  inherited = barrier.then((found) => found !== undefined, () => earlier);
  return barrier;
}

/** @returns The barrier; `undefined` if there is none and it is optional. */
async function inherit(
  { channel: name, optional = false }: InheritBarrierOptions,
  earlier: Promise<boolean>,
): Promise<Barrier | undefined> {
  if (await earlier) {
    throw hostError(
      "Busy",
      "Cannot inherit a barrier: it has already been inherited; call inheritBarrier() once and share its result",
    );
  }
  const variable = readVariable(CHANNEL_VARIABLE);
  const state = readVariable(STATE_VARIABLE);
  const barriers = state === undefined ? 0 : parseState(state);
  // Before the channel, which must not deliver anything before there is a barrier.
  const trace = readVariable(TRACE_VARIABLE) === "1"
    ? await import("./src/trace.ts")
    : undefined;
  const channel = await openChannel(name ?? (variable || undefined)).catch(
    (error) => {
      if (!optional || !isMissing(error)) throw error;
    },
  );
  // They are not meant for the processes below.
  if (variable !== undefined) deleteVariable(CHANNEL_VARIABLE);
  if (state !== undefined) deleteVariable(STATE_VARIABLE);
  if (channel === undefined) return undefined;
  const child: InternalOptions = {
    role: "child",
    barriers,
    observer: trace?.traceOf("child"),
  };
  return new Barrier(channel, child);
}

/** Whether an error reports that the channel is missing. */
function isMissing(error: unknown): boolean {
  return error instanceof Error &&
    (error.name === "NotFound" || error.name === "BadResource");
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

async function openChannel(name: string | undefined): Promise<BarrierChannel> {
  if (name === undefined) return await findChannel();
  if (name === "stdio") return await StdioChannel.open();
  const fd = typeof name === "string" ? channelFd(name) : undefined;
  if (fd === undefined) {
    throw new TypeError(
      `Cannot inherit a barrier: the channel must be "fd", "fd:N" with a number from ${CHANNEL_FD} on, or "stdio", received ${
        shown(name)
      }`,
    );
  }
  // This module is large, and a child over "stdio" does not need it.
  const { InheritedChannel } = await import("./src/channels/socket.ts");
  const channel = await InheritedChannel.from(fd);
  setInheritedFd(fd);
  return channel;
}

/** Opens the channel of a process where no variable names it. */
async function findChannel(): Promise<BarrierChannel> {
  const mayAsk = mayRead(CHANNEL_VARIABLE);
  let cause: unknown;
  if (!mayAsk && !isWindows()) {
    try {
      return await openChannel("fd");
    } catch (error) {
      cause = error;
    }
  }
  const advice = mayAsk ? "" : `use --allow-env=${CHANNEL_VARIABLE} or `;
  throw hostError(
    "NotFound",
    `Cannot inherit a barrier: this process was not started by spawnWithBarrier(); if it was, ${advice}pass the 'channel' option`,
    cause === undefined ? {} : { cause },
  );
}
