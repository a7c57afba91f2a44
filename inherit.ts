// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * The child's side: {@linkcode inheritBarrier} picks up the end of the channel
 * that `spawnWithBarrier` left for it.
 *
 * It is a module of its own because a child is waited for: importing this starts
 * it sooner than importing all that the parent needs.
 *
 * @module
 */

import { Barrier } from "./barrier.ts";
import {
  type BarrierChannelKind,
  CHANNEL_FD,
  CHANNEL_VARIABLE,
  DEFAULT_CHANNEL,
  SocketChannel,
  STATE_VARIABLE,
  StdioChannel,
} from "./channels.ts";
import type { Socket } from "node:net";

export type { BarrierChannelKind };

/** Options for {@linkcode inheritBarrier}. */
export interface InheritBarrierOptions {
  /**
   * Where the channel is, for a program that cannot be told: one that may not
   * read `BARRIER_CHANNEL`, or that is started across `ssh` or into a container,
   * which pass no variables on.
   *
   * @default {what `BARRIER_CHANNEL` says, or "fd" if it may not be read}
   */
  channel?: BarrierChannelKind;
}

/**
 * Picks up the barrier that this process's parent made with
 * {@linkcode spawnWithBarrier}. It needs no permission. This can be done once.
 *
 * A program that another one became by `exec` goes on counting from
 * `BARRIER_STATE`, if it may read that variable, and from 0 otherwise.
 *
 * If stdin and stdout are the channel, `console.log` and its kin print to stderr
 * from now on. This process then notices what its parent does only while a wait
 * is pending, or once {@linkcode Barrier.signal} was asked for. A wait that is
 * cancelled, and such a signal, keep this process alive until the parent goes or
 * sends something, or the barrier is destroyed; and the parent sees that it was
 * destroyed when this process exits.
 *
 * @param options Where the channel is.
 * @returns The child's side of the barrier.
 * @throws {Error} If there is no barrier to inherit, or it was inherited
 * already.
 * @throws {TypeError} If the environment names a channel or a state that
 * cannot be.
 *
 * @example Usage
 * ```ts ignore
 * import { inheritBarrier } from "@ipc/barrier/inherit";
 *
 * using parent = await inheritBarrier();
 * parent.place(); // ready
 * if (!await parent.waitNext()) Deno.exit(1); // the parent gave up, or died
 * ```
 */
export async function inheritBarrier(
  options: InheritBarrierOptions = {},
): Promise<Barrier> {
  if (inherited) {
    throw new Error("Cannot inherit a barrier: it was inherited already");
  }
  const named = readVariable(CHANNEL_VARIABLE);
  const state = readVariable(STATE_VARIABLE);
  const barriers = state === undefined ? 0 : parseState(state);
  const name = options.channel ?? named ?? channelWithoutName();
  inherited = true;
  try {
    const channel = name === "stdio"
      ? new StdioChannel()
      : await openDescriptor(parseDescriptor(name));
    // They are not for the processes below.
    if (named !== undefined) Deno.env.delete(CHANNEL_VARIABLE);
    if (state !== undefined) Deno.env.delete(STATE_VARIABLE);
    return new Barrier(channel, { role: "child", barriers });
  } catch (error) {
    inherited = false;
    throw error;
  }
}

let inherited = false;

/** Reads a variable if that is allowed. */
function readVariable(variable: string): string | undefined {
  // At a terminal, Deno would ask the user. Elsewhere it throws at once, which
  // saves a child a query that takes as long as all the rest of this.
  if (Deno.stdin.isTerminal() && !mayRead(variable)) return undefined;
  try {
    return Deno.env.get(variable);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

function mayRead(variable: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted";
}

function channelWithoutName(): BarrierChannelKind {
  if (mayRead(CHANNEL_VARIABLE)) {
    throw new Error(
      "Cannot inherit a barrier: nobody gave this process one, start it with spawnWithBarrier()",
    );
  }
  return DEFAULT_CHANNEL;
}

function parseDescriptor(channel: string): number {
  if (channel === "fd") return CHANNEL_FD;
  const fd = /^fd:(\d{1,9})$/.exec(channel)?.[1];
  if (fd === undefined) {
    throw new TypeError(
      `Cannot inherit a barrier: the channel must be like "fd:${CHANNEL_FD}" or "stdio", received "${channel}"`,
    );
  }
  return Number(fd);
}

function parseState(value: string): number {
  const barriers = /^-?\d+$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(barriers)) {
    throw new TypeError(
      `Cannot inherit a barrier: ${STATE_VARIABLE} must be a number of barriers, received "${value}"`,
    );
  }
  return barriers;
}

async function openDescriptor(fd: number): Promise<SocketChannel> {
  const { Socket } = await import("node:net");
  let socket: Socket;
  try {
    socket = new Socket({ fd });
  } catch (cause) {
    throw new Error(
      `Cannot inherit a barrier: file descriptor ${fd} is no channel, start this program with spawnWithBarrier() or name its channel`,
      { cause },
    );
  }
  return new SocketChannel(socket, socket, true);
}
