// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { BarrierChannel, MessageReceiver } from "../barrier/channel.ts";
import { BarrierAbortedError } from "../barrier/error.ts";
import { describe, REASON_MAX, toLine } from "../barrier/lines.ts";
import type { BarrierEmitter, BarrierPort } from "../barrier/transports.ts";
import { setTimeout } from "../runtime/timers.ts";
import { PacedReceiver } from "./paced.ts";

/** A channel over messages. A message that is `null` is the end. */
export class PortChannel implements BarrierChannel {
  readonly #port: BarrierPort | BarrierEmitter;
  #receiver: PacedReceiver | undefined;
  #messages = 0;
  /** The error that has ended the worker. */
  #failure: BarrierAbortedError | undefined;

  constructor(port: BarrierPort | BarrierEmitter) {
    this.#port = port;
  }

  open(receiver: MessageReceiver): void {
    this.#receiver = new PacedReceiver(receiver);
    this.#listen("message", this.#onMessage);
    if (isMessagePort(this.#port)) {
      this.#listen("close", this.#onClose); // not in Deno
      this.#port.start();
    } else if (isWorker(this.#port)) {
      this.#listen("error", this.#onError);
      this.#listen("close", this.#onExit); // only in Bun
    } else if (isEmitter(this.#port)) {
      this.#listen("error", this.#onThreadError);
      this.#listen("exit", this.#onThreadExit);
    }
  }

  send(bytes: Uint8Array): void {
    // There can be another barrier on the port by now.
    if (this.#receiver) this.#port.postMessage(bytes);
  }

  close(): void {
    if (this.#receiver) this.#port.postMessage(null);
    this.#stop();
    this.#unlisten("error", this.#onError);
    this.#unlisten("error", this.#onThreadError);
  }

  ref(): void {}

  unref(): void {}

  readonly #onMessage = (received: unknown): void => {
    this.#messages++;
    const data = isEmitter(this.#port)
      ? received
      : (received as MessageEvent).data;
    if (data === null) this.#hangUp();
    else this.#receiver?.receiveData(data);
  };

  readonly #onClose = (): void => this.#hangUp();

  /**
   * Handles the error of a worker, which has ended it. Deno has printed the error,
   * and would end this program as well. A worker's messages come another way than
   * its errors, one in a turn of the event loop, so wait for turns that bring none.
   */
  readonly #onError = async (received: unknown): Promise<void> => {
    const event = received as ErrorEvent;
    event.preventDefault();
    this.#failure = workerFailed(event.error ?? event.message, event.message);
    for (let quiet = 0; quiet < 2;) {
      const before = this.#messages;
      await new Promise<void>((resolve) => setTimeout(resolve));
      quiet = this.#messages === before ? quiet + 1 : 0;
    }
    this.#hangUp(this.#failure);
  };

  readonly #onExit = (received: unknown): void =>
    this.#onThreadExit((received as CloseEvent).code);

  /** Handles the error of a thread of Node's, which then exits. */
  readonly #onThreadError = (error: unknown): void => {
    this.#failure = workerFailed(error);
  };

  readonly #onThreadExit = (code: unknown): void =>
    this.#hangUp(
      this.#failure ??
        new BarrierAbortedError(`Worker exited with code ${code}`, {
          kind: "exited",
          side: "peer",
        }),
    );

  #hangUp(error?: BarrierAbortedError): void {
    const receiver = this.#receiver;
    this.#stop(); // before the barrier can react with a call
    receiver?.hangUp(error);
  }

  #stop(): void {
    this.#receiver = undefined;
    this.#unlisten("message", this.#onMessage);
    this.#unlisten("close", this.#onClose);
    this.#unlisten("close", this.#onExit);
    this.#unlisten("exit", this.#onThreadExit);
    if (isMessagePort(this.#port) && !isParentPort(this.#port)) {
      this.#port.close();
    }
  }

  #listen(type: string, listener: (received: unknown) => void): void {
    if (isEmitter(this.#port)) this.#port.on(type, listener);
    else this.#port.addEventListener(type, listener);
  }

  #unlisten(type: string, listener: (received: unknown) => void): void {
    if (isEmitter(this.#port)) this.#port.off(type, listener);
    else this.#port.removeEventListener(type, listener);
  }
}

function workerFailed(
  cause: unknown,
  text: string = describe(cause),
): BarrierAbortedError {
  return new BarrierAbortedError(`Worker failed: ${toLine(text, REASON_MAX)}`, {
    kind: "exited",
    side: "peer",
    cause,
  });
}

function isMessagePort(
  port: BarrierPort | BarrierEmitter,
): port is MessagePort {
  return port instanceof MessagePort;
}

/** Whether a port is a worker. Service workers and Node have no such class. */
function isWorker(port: BarrierPort | BarrierEmitter): port is Worker {
  return typeof Worker === "function" && port instanceof Worker;
}

/** Whether a port has the events of Node only. */
function isEmitter(port: BarrierPort | BarrierEmitter): port is BarrierEmitter {
  return !("addEventListener" in port);
}

/** What Node and Bun have, of the global `process`. */
interface NodeProcess {
  getBuiltinModule?(name: string): { parentPort?: unknown } | undefined;
}

/**
 * Whether a port is the `parentPort` of Node's `worker_threads`. It belongs to
 * the program, like a worker's global scope, so a barrier does not close it.
 */
function isParentPort(port: MessagePort): boolean {
  if ("Deno" in globalThis) return false; // there it is of another class
  const { process } = globalThis as { process?: NodeProcess };
  return process?.getBuiltinModule?.("worker_threads")?.parentPort === port;
}

/** Whether a transport is a port. */
export function isPort(
  transport: unknown,
): transport is BarrierPort | BarrierEmitter {
  return typeof transport === "object" && transport !== null &&
    "postMessage" in transport &&
    ("addEventListener" in transport || "on" in transport);
}
