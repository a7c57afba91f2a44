// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { BarrierChannel, MessageReceiver } from "../barrier/channel.ts";
import { BarrierAbortedError } from "../barrier/error.ts";
import { printable } from "../barrier/lines.ts";
import { setTimeout } from "../runtime/timers.ts";
import { PacedReceiver } from "./paced.ts";

/**
 * What messages can be sent through: a `MessagePort`, a `Worker`, or a worker's
 * own global scope.
 */
export interface BarrierPort {
  /**
   * Sends a message to the other end.
   *
   * @param message Bytes, or `null` when this side hangs up.
   */
  postMessage(message: unknown): void;
  /**
   * Starts to listen.
   *
   * @param type `"message"` and, of a worker, `"error"`.
   * @param listener What is called with each event.
   */
  addEventListener(
    type: string,
    listener: (event: Event) => void,
  ): void;
  /**
   * Stops listening.
   *
   * @param type The type that was listened for.
   * @param listener What was called.
   */
  removeEventListener(
    type: string,
    listener: (event: Event) => void,
  ): void;
}

/** A channel over messages. A message that is `null` is the end. */
export class PortChannel implements BarrierChannel {
  readonly #port: BarrierPort;
  #receiver: PacedReceiver | undefined;
  #messages = 0;

  constructor(port: BarrierPort) {
    this.#port = port;
  }

  open(receiver: MessageReceiver): void {
    this.#receiver = new PacedReceiver(receiver);
    this.#port.addEventListener("message", this.#onMessage);
    if (this.#port instanceof MessagePort) this.#port.start();
    if (isWorker(this.#port)) {
      this.#port.addEventListener("error", this.#onError);
    }
  }

  send(bytes: Uint8Array): void {
    // There may be another barrier on the port by now.
    if (this.#receiver) this.#port.postMessage(bytes);
  }

  close(): void {
    if (this.#receiver) this.#port.postMessage(null);
    this.#stop();
    if (isWorker(this.#port)) {
      this.#port.removeEventListener("error", this.#onError);
    }
  }

  ref(): void {}

  unref(): void {}

  readonly #onMessage = (event: Event): void => {
    const { data } = event as MessageEvent;
    this.#messages++;
    if (data === null) this.#hangUp();
    else this.#receiver?.receiveData(data);
  };

  /**
   * The worker is gone, maybe after it hung up. Deno has printed the error, and
   * would end this program as well. Its messages come another way than its
   * errors, one a turn of the event loop: those it had sent are here once a turn
   * or two brought none.
   */
  readonly #onError = async (event: ErrorEvent): Promise<void> => {
    event.preventDefault();
    const error = new BarrierAbortedError(
      `Worker failed: ${printable(event.message)}`,
      { kind: "exited", side: "peer" },
    );
    for (let quiet = 0; quiet < 2;) {
      const before = this.#messages;
      await new Promise<void>((resolve) => setTimeout(resolve));
      quiet = this.#messages === before ? quiet + 1 : 0;
    }
    this.#hangUp(error);
  };

  #hangUp(error?: BarrierAbortedError): void {
    const receiver = this.#receiver;
    this.#stop(); // before the barrier may react with a call
    receiver?.hangUp(error);
  }

  #stop(): void {
    this.#receiver = undefined;
    this.#port.removeEventListener("message", this.#onMessage);
    if (this.#port instanceof MessagePort) this.#port.close();
  }
}

/** Whether a port is a worker. There are none in a service worker, nor in Node. */
function isWorker(port: BarrierPort): port is Worker {
  return typeof Worker === "function" && port instanceof Worker;
}

/** Whether a transport is a port. */
export function isPort(transport: unknown): transport is BarrierPort {
  return typeof transport === "object" && transport !== null &&
    "postMessage" in transport && "addEventListener" in transport;
}
