// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The output of a child, from the pipe to its sink: this process's own stdout or
 * stderr, a stream or a function of the caller, or none. The barriers in it are
 * found here, and delivered after the output before them.
 */

import type { Message } from "../barrier/lines.ts";
import { drained } from "../runtime/drain.ts";
import { ended, SocketReference } from "../runtime/socket.ts";
import { readAgain, readDirectly } from "../runtime/spawned_socket.ts";
import type { StandardOutput } from "../runtime/standard_output.ts";
import { isTurnOver, now, setImmediate, within } from "../runtime/timers.ts";
import { LineScanner } from "./line_scanner.ts";
import type { BarrierOutput } from "./options.ts";
import { OutputTail } from "./output_tail.ts";
import {
  ForwardSink,
  LineSink,
  NullSink,
  type Sink,
  type SinkEvents,
  StreamSink,
} from "./sinks.ts";
import { StdoutSplitter } from "./stdout_splitter.ts";
import type { Socket } from "node:net";

/** What a {@linkcode ChildOutput} is, and what it is for. */
export interface ChildOutputOptions {
  /** The pipe, which is not read yet. */
  source: Socket;
  /** Where the output goes. Output that is inherited has no pipe. */
  kind: BarrierOutput;
  /** Where it goes if it is forwarded. */
  target: StandardOutput;
  /** The lines that count as barriers. */
  readyLine?: RegExp | undefined;
  /** Whether the pipe is the channel, and has lines of the protocol. */
  isChannel?: boolean | undefined;
  /** Whether the rest of a process group can print more after the child's exit. */
  hasGroup?: boolean | undefined;
  /** Delivers the barriers in it. */
  deliver: (messages: readonly Message[]) => void;
}

/**
 * How long, in milliseconds, a barrier waits at most until the output before it
 * is written. A reader of this process's stdout that has stopped reading must
 * not stop the barrier as well.
 */
export const WRITE_GRACE = 100;

/** How many bytes are read before looking whether the turn has been long enough. */
const SLICE = 8 * 1024;

/** How many barriers are delivered in a turn. Each may wake up a wait. */
const BARRIERS_MAX = 4_096;

const NOTHING = new Uint8Array(0);

/** Barriers that are delivered after the output before them is written. */
interface WaitingBarriers {
  messages: Message[];
  /** Resolves when it is. */
  written: Promise<void>;
  /** When they are delivered in any case. */
  deadline: number;
}

/** What a child prints on its stdout, or its stderr. */
export class ChildOutput {
  /** The pipe. */
  readonly source: Socket;
  /**
   * Resolves when the last process that could print has closed the pipe, and
   * everything in it has been read and delivered.
   */
  readonly ended: Promise<void>;
  readonly #reference: SocketReference;
  readonly #sink: Sink;
  readonly #tail = new OutputTail();
  readonly #showsTail: boolean;
  readonly #hasGroup: boolean;
  readonly #scanner: LineScanner | undefined;
  readonly #splitter: StdoutSplitter | undefined;
  readonly #deliver: (messages: readonly Message[]) => void;
  /** What has arrived and waits for the next turn of the event loop. */
  #rest = NOTHING;
  /** Resolves when that is read. */
  #reading: Promise<void> | undefined;
  /** Barriers that wait for the output before them, in order. */
  readonly #waiting: WaitingBarriers[] = [];
  #delivering: Promise<void> | undefined;
  #draining: Promise<void> | undefined;
  /** Whether what comes now is not the child's, which has exited. */
  #isLetGo = false;
  #isEnded = false;
  #isFinished = false;

  constructor(options: ChildOutputOptions) {
    const { kind, target, readyLine, isChannel, deliver } = options;
    const source = readDirectly(options.source, (bytes) => this.#read(bytes));
    this.source = source;
    this.#reference = SocketReference.of(source);
    this.#deliver = deliver;
    this.#scanner = readyLine && new LineScanner(readyLine);
    this.#splitter = isChannel ? new StdoutSplitter() : undefined;
    this.#sink = sinkFor(kind, source, target, {
      onRoom: () => this.#resume(),
      // The child gets SIGPIPE, unless its output is read for something else.
      onClosed: () => {
        if (!readyLine && !isChannel) source.destroy();
      },
    });
    this.#showsTail = kind === "errorTail";
    this.#hasGroup = options.hasGroup ?? false;
    source.on("error", () => {}); // "close" follows
    this.ended = this.#watchEnd();
  }

  /** The output as a stream, if it is piped. */
  get stream(): Deno.SubprocessReadableStream | undefined {
    return this.#sink instanceof StreamSink ? this.#sink.stream : undefined;
  }

  /** The lines that an error shows, if the output is for that. */
  get tail(): readonly string[] {
    return this.#showsTail ? this.#tail.lines : [];
  }

  /** The last line that the child has printed. */
  get lastLine(): string | undefined {
    return this.#tail.lastLine;
  }

  /** Why some of what is forwarded could not be written. */
  get failure(): unknown {
    return this.#sink instanceof ForwardSink ? this.#sink.failure : undefined;
  }

  /** Whether a function of the caller's gets its lines. */
  get isHeard(): boolean {
    return this.#sink instanceof LineSink;
  }

  /** Reads what has arrived, and returns whether to go on. */
  #read(bytes: Uint8Array): boolean {
    if (this.#isLetGo) return true;
    if (this.#reading) this.#rest = concat(this.#rest, bytes);
    else this.#readSlices(bytes);
    return this.#isWanted;
  }

  get #isWanted(): boolean {
    return !this.#sink.isFull && this.#reading === undefined;
  }

  #resume(): void {
    if (this.#isWanted) this.source.resume();
  }

  /** Reads bytes, and leaves what is too much for this turn to the next. */
  #readSlices(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length;) {
      const rest = bytes.subarray(start);
      const plain = this.#plainLength(rest);
      const slice = rest.subarray(0, plain || SLICE);
      start += slice.length;
      if (plain > 0) {
        this.#push(slice);
        continue;
      }
      const barriers = this.#readSlice(slice);
      if (!isTurnOver(barriers / BARRIERS_MAX)) continue;
      this.#rest = bytes.slice(start);
      this.#reading ??= this.#readRest();
      return;
    }
  }

  /** How many bytes at the beginning are output that is only copied. */
  #plainLength(bytes: Uint8Array): number {
    if (this.#scanner || this.#sink instanceof LineSink) return 0;
    return this.#splitter ? this.#splitter.plainLength(bytes) : bytes.length;
  }

  async #readRest(): Promise<void> {
    do {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const rest = this.#rest;
      this.#rest = NOTHING;
      this.#readSlices(rest);
    } while (this.#rest.length > 0);
    this.#reading = undefined;
    this.#resume();
  }

  /** Reads bytes, and returns how many barriers are in them. */
  #readSlice(bytes: Uint8Array): number {
    const { output, messages } = this.#splitter?.read(bytes) ??
      { output: bytes, messages: [] };
    const found = [...this.#push(output), ...messages];
    this.#deliverInOrder(found);
    return found.length;
  }

  /** Passes output on, and returns the barriers that its lines count as. */
  #push(bytes: Uint8Array): Message[] {
    if (bytes.length === 0) return [];
    this.#sink.push(bytes);
    this.#tail.push(bytes);
    return this.#scanner?.read(bytes) ?? [];
  }

  async #watchEnd(): Promise<void> {
    await ended(this.source);
    await this.#reading;
    this.#endLine();
    this.#sink.end();
    await this.#delivering;
    this.#isEnded = true;
  }

  /** Half a line of the protocol is output. */
  #endLine(): void {
    if (this.#splitter) this.#deliverInOrder(this.#push(this.#splitter.end()));
  }

  /**
   * Delivers barriers when what was printed before them has been written, so
   * that what this process then prints comes after it.
   */
  #deliverInOrder(messages: Message[]): void {
    if (messages.length === 0) return;
    if (!this.#delivering && !this.#isWriting) return this.#deliver(messages);
    this.#waiting.push({
      messages,
      written: this.#flush(),
      deadline: now() + WRITE_GRACE,
    });
    this.#delivering ??= this.#deliverWaiting();
  }

  async #deliverWaiting(): Promise<void> {
    await undefined; // so that what is reset below has been set
    for (let next; (next = this.#waiting.shift()) !== undefined;) {
      const left = next.deadline - now();
      if (left > 0) await within(left, next.written);
      this.#deliver(next.messages);
    }
    this.#delivering = undefined;
  }

  get #isWriting(): boolean {
    return this.#sink instanceof ForwardSink && this.#sink.isWriting;
  }

  async #flush(): Promise<void> {
    if (this.#sink instanceof ForwardSink) await this.#sink.flush();
  }

  /**
   * Waits, once it has exited, until what the child printed has been read and
   * its barriers are delivered. What another process then prints to the same
   * pipe is read and discarded, unless that can be one of the child's group.
   */
  drain(): Promise<void> {
    return this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    await this.#readAll();
    if (!this.#hasGroup) this.#letGo();
    await this.#delivering;
  }

  /**
   * Waits, once it has exited and its process group is gone, until all of their
   * output has been passed on, or written.
   */
  async end(): Promise<void> {
    await this.drain();
    if (this.#hasGroup) {
      await this.#readAll();
      this.#letGo();
      await this.#delivering;
    }
    await this.#flush();
  }

  async #readAll(): Promise<void> {
    await drained(this.source);
    await this.#reading;
  }

  /**
   * Discards what is printed after this. The pipe is still read: if it were
   * closed, SIGPIPE would end the processes that hold it. Only a stream goes on.
   */
  #letGo(): void {
    this.#endLine();
    if (this.stream) return;
    this.#isLetGo = true;
    this.#sink.end();
  }

  /** Waits until what was printed before this call has been read. */
  async catchUp(): Promise<void> {
    if (this.#isLetGo || this.#isEnded) return;
    await readAgain(this.source);
    await this.#reading;
  }

  /** Waits until what the child printed has been passed on, or written. */
  async finish(): Promise<void> {
    if (!this.#isHolding) return;
    await this.drain();
    // The last line is the child's, even if its process group prints more.
    if (!this.#isFinished) this.#sink.end();
    await this.#flush();
    this.#isFinished = true;
    this.hold(false);
  }

  /**
   * Sets whether this process stays alive for what it has to pass on.
   *
   * @param held Whether it does.
   */
  hold(held: boolean): void {
    if (!this.#isHolding) return;
    this.#reference.hold("output", held && !this.#isFinished);
  }

  get #isHolding(): boolean {
    return this.#sink instanceof ForwardSink || this.#sink instanceof LineSink;
  }
}

function sinkFor(
  kind: BarrierOutput,
  source: Socket,
  target: StandardOutput,
  events: SinkEvents,
): Sink {
  if (typeof kind === "function") return new LineSink(kind);
  if (kind === "forward") return new ForwardSink(target, events);
  if (kind === "piped") return new StreamSink(source, events);
  return new NullSink();
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
