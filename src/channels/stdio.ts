// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The channel of a child whose stdin and stdout it is. It serves where no
 * descriptor can be handed on: across `ssh`, into a container, on Windows. A
 * child starts sooner with it, as it needs no module of Node's.
 *
 * What the child prints goes to its stdout too. A line of the protocol starts
 * with a record separator, which other output does not.
 */

import type { BarrierChannel, MessageReceiver } from "../barrier/channel.ts";
import { BarrierAbortedError } from "../barrier/error.ts";
import { describe, printable, RECORD_SEPARATOR } from "../barrier/lines.ts";
import {
  DenoStreams,
  isDeno,
  type StandardStreams,
  writeAll,
} from "../runtime/host.ts";
import { PacedReceiver } from "./paced.ts";

/** Whether this process's stdin is its channel, and not for programs below it. */
let stdinIsChannel = false;

/** Whether this process's stdin is its channel. */
export function isStdinChannel(): boolean {
  return stdinIsChannel;
}

/** The channel of a child whose stdin and stdout it is. */
export class StdioChannel implements BarrierChannel {
  readonly #streams: StandardStreams;
  #receiver: PacedReceiver | undefined;
  #wanted = false;
  #watched = false;
  #reading = false;

  constructor(streams: StandardStreams = new DenoStreams()) {
    stdinIsChannel = true;
    this.#streams = streams;
  }

  /** Opens stdin and stdout of whichever runtime this is. */
  static async open(): Promise<StdioChannel> {
    if (isDeno) return new StdioChannel();
    const { openNodeStreams } = await import("../runtime/node_stdio.ts");
    return new StdioChannel(await openNodeStreams());
  }

  open(receiver: MessageReceiver): void {
    this.#receiver = new PacedReceiver(receiver);
  }

  send(bytes: Uint8Array): void {
    // In one write, so that what other processes print to the same stdout
    // cannot come between.
    const line = new Uint8Array(bytes.length + 1);
    line[0] = RECORD_SEPARATOR;
    line.set(bytes, 1);
    try {
      writeAll(this.#streams, line);
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Reports that stdout takes no more, after the call that found out. If the reason
   * is that the parent exited, the end of stdin reports that, after everything that
   * the parent had sent.
   */
  #fail(cause: unknown): void {
    if ((cause as Partial<NodeJS.ErrnoException>).code === "EPIPE") return;
    const message = `Cannot write to stdout: ${describe(cause)}`;
    queueMicrotask(() => {
      this.#receiver?.hangUp(
        new BarrierAbortedError(printable(message), {
          kind: "closed",
          side: "peer",
          cause,
        }),
      );
      this.#receiver = undefined;
    });
  }

  /**
   * Hangs up. The parent sees it when this process exits, as its stdout stays
   * open for what it prints.
   */
  close(): void {
    this.#receiver = undefined;
    this.#streams.close();
  }

  ref(): void {
    this.#wanted = true;
    this.#streams.ref();
    this.#read();
  }

  unref(): void {
    this.#wanted = false;
    this.#streams.unref();
  }

  watch(): void {
    this.#watched = true;
    this.#read();
  }

  /**
   * Reads while there is a reason to. In Deno, a read that is under way cannot be
   * taken back, and keeps the process alive.
   */
  async #read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    while (this.#receiver && (this.#wanted || this.#watched)) {
      const bytes = await this.#streams.read().catch(() => undefined);
      if (bytes === undefined) {
        this.#receiver?.hangUp();
        this.#receiver = undefined;
      } else {
        this.#receiver?.receive(bytes);
        await this.#receiver?.backlog;
        // Until those who were served wait again or do not, which the barrier finds
        // out two microtasks later. Another read would keep the process alive.
        await undefined;
        await undefined;
      }
    }
    this.#reading = false;
  }
}
