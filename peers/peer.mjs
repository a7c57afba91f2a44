// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The child's side of a barrier. It makes the calls that its arguments name:
 *
 *     node peer.mjs print=Hello place waitNext place="half way" sync
 */

import { Buffer } from "node:buffer";
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import process from "node:process";
import { Readable } from "node:stream";

const LINE_MAX = 4096;
const CR = 0x0d;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeLine(line) {
  const text = decoder.decode(line); // throws where it is not UTF-8
  if (line.length > LINE_MAX || /\p{Cc}/u.test(text)) {
    throw new TypeError("not one line of text");
  }
  return text;
}

function withoutCr(line) {
  return line.at(-1) === CR ? line.subarray(0, -1) : line;
}

/** One wait at a time: call the next when the last has ended. */
class Barrier {
  iAborted = false;
  theyAborted = false;
  note = "";
  reason = "";
  #stdio;
  #fd;
  #readable;
  #arrivals;
  #barriers;
  #line = Buffer.alloc(0); // the one whose end has not arrived yet

  constructor() {
    const { BARRIER_CHANNEL: channel, BARRIER_STATE: state } = process.env;
    delete process.env.BARRIER_CHANNEL;
    delete process.env.BARRIER_STATE;
    this.#stdio = channel === "stdio";
    if (this.#stdio) {
      this.#readable = process.stdin;
      // When the peer is gone, what it had sent can still be read.
      process.stdout.on("error", () => {});
      // Line by line, so that what another program prints cannot get into one.
      process.stdout._writev = null;
    } else {
      this.#fd = Number(channel.replace("fd:", ""));
      // In Bun, a Socket cannot take a descriptor that this process inherited.
      this.#readable = process.versions.bun
        ? Readable.fromWeb(Bun.file(this.#fd).stream())
        : new Socket({ fd: this.#fd, readable: true });
    }
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

  #send(text) {
    decodeLine(Buffer.from(text)); // throws where the peer would not accept it
    if (this.#stdio) {
      // It follows what console.log() has not written yet.
      process.stdout.write(`\x1e${text}\n`);
      return;
    }
    // Not with the socket: a write that fails destroys it, read or not.
    for (let rest = Buffer.from(`${text}\n`); rest.length > 0;) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest));
      } catch (error) {
        if (error.code !== "EAGAIN") return; // the peer is gone
      }
    }
  }

  /** Waits until something arrives, and takes all that has. */
  async #take() {
    const { value: received } = await this.#arrivals.next().catch(() => ({}));
    if (received === undefined) return this.#theyAbort("hung up");
    let rest = Buffer.concat([this.#line, received]);
    for (let end; (end = rest.indexOf("\n")) >= 0;) {
      this.#readLine(withoutCr(rest.subarray(0, end)));
      if (this.theyAborted) return;
      rest = rest.subarray(end + 1);
    }
    this.#line = rest;
    if (withoutCr(rest).length > LINE_MAX) this.#violation();
  }

  #readLine(line) {
    let text;
    try {
      text = decodeLine(line);
    } catch {
      return this.#violation();
    }
    if (text === "") {
      this.#barriers--;
    } else if (text === "abort" || text.startsWith("abort ")) {
      this.#theyAbort(text.slice("abort ".length));
    } else if (text.startsWith("+") || !this.#stdio) {
      this.#barriers--;
      this.note = text.replace(/^\+/, "");
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
  const [, call, text] = /^(\w+)(?:=(.*))?$/s.exec(argument);
  if (call === "crash") {
    process.kill(process.pid, "SIGKILL");
  } else if (call === "print") {
    console.log(text);
  } else {
    const result = await barrier[call](text);
    console.error(call, result, result ? barrier.note : barrier.reason);
  }
}
barrier.destroy();
