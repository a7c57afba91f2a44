// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { BarrierChannel, MessageReceiver } from "../barrier/channel.ts";
import type { BarrierWebSocket } from "../barrier/transports.ts";
import { clearTimeout, setTimeout, type Timer } from "../runtime/timers.ts";
import { PacedReceiver } from "./paced.ts";

const CONNECTING = 0;
const OPEN = 1;

/**
 * How long, in milliseconds, a connection has to open after `destroy()`, so that
 * what was placed is sent. A peer that never answers would keep the process alive.
 */
const CONNECT_GRACE = 5_000;

/** Status codes of a connection that was closed on purpose. */
const CLOSED_ON_PURPOSE = [1000, 1001, 1005];

/**
 * A channel over a `WebSocket`. Its messages are pieces of the stream, cut
 * anywhere.
 */
export class WebSocketChannel implements BarrierChannel {
  readonly #socket: BarrierWebSocket;
  #receiver: PacedReceiver | undefined;
  /** What was sent before the "open" event, or `undefined` after it. */
  #queue: Uint8Array<ArrayBuffer>[] | undefined;
  /** Closes a connection that does not open. */
  #closing: Timer | undefined;
  /** The error that is followed by the end of the connection. */
  #failure: unknown;

  constructor(socket: BarrierWebSocket) {
    this.#socket = socket;
  }

  open(receiver: MessageReceiver): void {
    this.#receiver = new PacedReceiver(receiver);
    this.#socket.binaryType = "arraybuffer";
    for (const [type, listener] of this.#listeners) {
      this.#socket.addEventListener(type, listener);
    }
    const { readyState } = this.#socket;
    if (readyState === CONNECTING) this.#queue = [];
    if (readyState > OPEN) queueMicrotask(this.#onClosed);
  }

  send(bytes: Uint8Array): void {
    const message = new Uint8Array(bytes); // a socket can keep what it sends
    if (this.#queue) this.#queue.push(message);
    else if (this.#socket.readyState === OPEN) this.#socket.send(message);
  }

  close(): void {
    this.#receiver = undefined;
    const { length } = this.#queue ?? [];
    if (length > 0) this.#closing = setTimeout(this.#close, CONNECT_GRACE);
    else this.#close();
  }

  ref(): void {}

  unref(): void {}

  readonly #close = (): void => this.#socket.close();

  readonly #onOpen = (): void => {
    for (const message of this.#queue ?? []) this.#socket.send(message);
    this.#queue = undefined;
    // Again, because a server's socket in Deno (2.9) opens after it was closed.
    if (!this.#receiver) this.#close();
  };

  readonly #onMessage = (event: Event): void => {
    this.#receiver?.receiveData((event as MessageEvent).data);
  };

  /** Keeps what has failed, which Deno and Node report and browsers do not. */
  readonly #onError = (event: Event): void => {
    const { error, message } = event as Partial<ErrorEvent>;
    this.#failure ??= error ?? message;
  };

  readonly #onClose = (event: Event): void => {
    const { code, reason } = event as CloseEvent;
    if (!CLOSED_ON_PURPOSE.includes(code)) {
      this.#failure ??= new Error(
        `WebSocket was closed with code ${code}${reason && `: ${reason}`}`,
      );
    }
    this.#onClosed();
  };

  readonly #onClosed = (): void => {
    clearTimeout(this.#closing);
    for (const [type, listener] of this.#listeners) {
      this.#socket.removeEventListener(type, listener);
    }
    this.#queue = undefined;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (this.#failure === undefined) receiver?.hangUp();
    else receiver?.fail(this.#failure);
  };

  readonly #listeners = [
    ["open", this.#onOpen],
    ["message", this.#onMessage],
    ["error", this.#onError],
    ["close", this.#onClose],
  ] as const;
}

/** What a `WebSocket` has, and streams and ports do not. */
const MEMBERS = ["binaryType", "readyState", "send", "addEventListener"];

/** Whether a transport is a `WebSocket`, by any class of that name. */
export function isWebSocket(transport: unknown): transport is BarrierWebSocket {
  return typeof transport === "object" && transport !== null &&
    MEMBERS.every((name) => name in transport);
}
