// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { MessageReceiver } from "../barrier/channel.ts";
import { BarrierAbortedError } from "../barrier/error.ts";
import { describe, encode, type Message, toLine } from "../barrier/lines.ts";
import { inNextTurn, isTurnOver } from "../runtime/timers.ts";

/** How many bytes of the cause of a hang-up stand in its message. */
const CAUSE_MAX = 1_024;

/**
 * How many units are passed on in one call. A unit is a byte, or a message that was
 * parsed: each can end a wait.
 */
const UNITS_PER_CALL = 4 * 1024;

/** How many units are passed on in one turn of the event loop. */
const UNITS_PER_TURN = 16 * 1024;

/**
 * Passes on what a channel delivers, in order. That happens immediately, unless
 * the peer sends so much that reading it would hold up the event loop. The rest
 * is then kept, and passed on in the next turns.
 */
export class PacedReceiver implements MessageReceiver {
  readonly #receiver: MessageReceiver;
  readonly #queue: (Uint8Array | readonly Message[] | (() => void))[] = [];
  /** How much of the first delivery in the queue was passed on. */
  #offset = 0;
  #isDelivering = false;
  /** How much was passed on since the turn was looked at. */
  #delivered = 0;
  #isLate = false;
  #backlog: Promise<void> | undefined;
  #resolveBacklog: (() => void) | undefined;

  constructor(receiver: MessageReceiver) {
    this.#receiver = receiver;
  }

  /**
   * Resolves when more can be delivered; `undefined` if it can be now. A channel
   * that can pause waits for it, so that little must be kept.
   */
  get backlog(): Promise<void> | undefined {
    if (!this.#isLate) return undefined;
    // Node 20 has no Promise.withResolvers().
    return this.#backlog ??= new Promise((resolve) => {
      this.#resolveBacklog = resolve;
    });
  }

  receive(bytes: Uint8Array): void {
    if (this.#isDelivering || this.#isLate) {
      this.#queue.push(bytes.slice());
      return;
    }
    this.#queue.push(bytes);
    this.#deliver();
    // The caller may change its bytes now.
    if (this.#queue[0] === bytes) this.#queue[0] = bytes.slice();
  }

  /**
   * Delivers what a stream or a port brings. What is neither bytes nor text
   * becomes a line that is a violation.
   */
  receiveData(data: unknown): void {
    if (data instanceof Uint8Array) return this.receive(data);
    if (data instanceof ArrayBuffer) return this.receive(new Uint8Array(data));
    const line = `${Object.prototype.toString.call(data)}\n`;
    this.receive(encode(typeof data === "string" ? data : line));
  }

  deliver(messages: readonly Message[]): void {
    this.#add(messages);
  }

  end(error?: BarrierAbortedError): void {
    this.#add(() => this.#receiver.end(error));
  }

  hangUp(error?: BarrierAbortedError): void {
    this.#add(() => this.#receiver.hangUp(error));
  }

  /** Reports the failure of what carries the barrier, which is a hang-up. */
  fail(cause: unknown): void {
    const message = `Peer hung up: ${toLine(describe(cause), CAUSE_MAX)}`;
    this.hangUp(
      new BarrierAbortedError(message, { kind: "closed", side: "peer", cause }),
    );
  }

  #add(delivery: readonly Message[] | (() => void)): void {
    this.#queue.push(delivery);
    if (!this.#isDelivering && !this.#isLate) this.#deliver();
  }

  #deliver(): void {
    this.#isDelivering = true;
    for (let first; (first = this.#queue[0]) !== undefined;) {
      if (typeof first === "function") {
        this.#queue.shift();
        first();
        continue;
      }
      this.#deliverPiece(first);
      // After a piece, so that no other peer can keep this one from its turn.
      if (this.#isTurnOver()) break;
    }
    this.#isDelivering = false;
  }

  #deliverPiece(delivery: Uint8Array | readonly Message[]): void {
    const start = this.#offset;
    const end = Math.min(start + UNITS_PER_CALL, delivery.length);
    this.#delivered += end - start;
    this.#offset = end;
    if (end === delivery.length) {
      this.#queue.shift();
      this.#offset = 0;
    }
    if (delivery instanceof Uint8Array) {
      this.#receiver.receive(delivery.subarray(start, end));
    } else {
      this.#receiver.deliver(delivery.slice(start, end));
    }
  }

  #isTurnOver(): boolean {
    if (this.#delivered < UNITS_PER_CALL) return false;
    const work = this.#delivered / UNITS_PER_TURN;
    this.#delivered = 0;
    this.#isLate = isTurnOver(work);
    if (this.#isLate) inNextTurn(this.#onTurn);
    return this.#isLate;
  }

  readonly #onTurn = (): void => {
    this.#isLate = false;
    this.#deliver();
    if (this.#isLate) return;
    this.#resolveBacklog?.();
    this.#backlog = this.#resolveBacklog = undefined;
  };
}
