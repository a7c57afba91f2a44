// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { MessageReceiver } from "../barrier/channel.ts";
import type { BarrierAbortedError } from "../barrier/error.ts";
import type { Message } from "../barrier/lines.ts";
import { drained } from "../runtime/drain.ts";
import { EventLoopReference } from "../runtime/timers.ts";
import { SocketChannel } from "./socket.ts";

/**
 * The parent's end of the channel of a child process. The end of the stream is
 * not a hang-up here, because a child can close its channel and keep running.
 */
export class SpawnedChannel extends SocketChannel {
  /** Keeps the event loop alive for a wait after the socket was destroyed. */
  readonly #waiting = new EventLoopReference();

  override open(receiver: MessageReceiver): void {
    super.open(receiver);
    this.readable.once("close", () => this.keepAlive());
  }

  /** Delivers messages that were found in the child's output. */
  deliver(messages: readonly Message[]): void {
    this.receiver?.deliver(messages);
  }

  /** Waits until everything that the child sent before it exited was read. */
  drain(): Promise<void> {
    this.isDraining = true;
    return drained(this.readable);
  }

  /** Reports that nothing more arrives, although the child may still run. */
  end(error?: BarrierAbortedError): void {
    this.receiver?.end(error);
    this.keepAlive();
  }

  protected override keepAlive(): void {
    super.keepAlive();
    this.#waiting.hold(this.isWaitedFor && this.readable.destroyed);
  }
}
