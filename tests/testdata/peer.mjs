// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The child's side of a barrier. It makes the calls that its arguments name:
 *
 *     node peer.mjs place waitNext place="half way" sync abort="disk full"
 */

import { writeSync } from "node:fs";
import { Socket } from "node:net";
import process from "node:process";

const LINE_MAX = 4096;

/** One wait at a time: call the next when the last has ended. */
class Barrier {
  iAborted = false;
  theyAborted = false;
  note = "";
  reason = "";
  #acceptsText;
  #out;
  #readable;
  #arrivals;
  #barriers;
  #line = ""; // the one whose end has not arrived yet

  constructor() {
    const { BARRIER_CHANNEL: channel, BARRIER_STATE: state } = process.env;
    delete process.env.BARRIER_CHANNEL;
    delete process.env.BARRIER_STATE;
    const stdio = channel === "stdio";
    const fd = Number(channel.replace("fd:", ""));
    this.#acceptsText = !stdio;
    this.#out = stdio ? 1 : fd;
    this.#readable = new Socket({ fd: stdio ? 0 : fd, readable: true });
    this.#readable.setEncoding("utf8");
    this.#arrivals = this.#readable[Symbol.asyncIterator]();
    this.#barriers = Number(state ?? 0);
  }

  get isAborted() {
    return this.iAborted || this.theyAborted;
  }

  place(note) {
    if (this.isAborted) return false;
    this.#send(note === undefined ? "" : `+${note}`);
    this.#barriers++;
    return true;
  }

  abort(reason) {
    if (!this.iAborted) {
      this.#send(reason === undefined ? "abort" : `abort ${reason}`);
      this.iAborted = true;
    }
    return !this.theyAborted;
  }

  async waitNext() {
    const before = this.#barriers;
    while (this.#barriers === before && !this.isAborted) await this.#take();
    return !this.isAborted;
  }

  async sync() {
    while (this.#barriers > 0 && !this.isAborted) await this.#take();
    return !this.isAborted;
  }

  /** Hangs up. Until then the channel keeps this process alive. */
  destroy() {
    this.#readable.destroy();
  }

  #send(line) {
    // A write of the socket's that fails would destroy it, unread.
    for (let rest = Buffer.from(`${line}\n`); rest.length > 0;) {
      try {
        rest = rest.subarray(writeSync(this.#out, rest));
      } catch (error) {
        if (error.code !== "EAGAIN") return; // the peer is gone
      }
    }
  }

  /** Waits until something arrives, and takes all that has. */
  async #take() {
    const { value: received } = await this.#arrivals.next().catch(() => ({}));
    if (received === undefined) return this.#theyAbort("hung up");
    const lines = (this.#line + received).split("\n");
    this.#line = lines.pop();
    for (const line of lines) {
      if (!this.theyAborted) this.#readLine(line);
    }
    if (this.#line.length > LINE_MAX) this.#violation();
  }

  #readLine(line) {
    if (line.length > LINE_MAX) {
      this.#violation();
    } else if (line === "") {
      this.#barriers--;
    } else if (line === "abort" || line.startsWith("abort ")) {
      this.#theyAbort(line.slice("abort ".length));
    } else if (line.startsWith("+") || this.#acceptsText) {
      this.#barriers--;
      this.note = line.replace(/^\+/, "");
    } else {
      this.#violation();
    }
  }

  #violation() {
    this.abort("this is not the barrier protocol");
    this.#theyAbort("broke the protocol");
  }

  #theyAbort(reason) {
    this.theyAborted = true;
    this.reason = reason;
  }
}

const barrier = new Barrier();
for (const argument of process.argv.slice(2)) {
  const [, call, text] = /^(\w+)(?:=(.*))?$/.exec(argument);
  if (call === "crash") process.kill(process.pid, "SIGKILL");
  const result = await barrier[call](text);
  console.error(call, result, result ? barrier.note : barrier.reason);
}
barrier.destroy();
