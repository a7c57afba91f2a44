// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * What a child prints, on its way to whoever reads it: this process's own stdout
 * or stderr, a stream for the caller, or nobody. On its way the barriers in it
 * are found, and delivered after the output before them.
 */

import type { Message } from "../barrier/lines.ts";
import { ended, SocketReference } from "../runtime/socket.ts";
import { readDirectly } from "../runtime/spawned_socket.ts";
import type { StandardOutput } from "../runtime/standard_output.ts";
import { now, within } from "../runtime/timers.ts";
import { drained } from "../runtime/drain.ts";
import type { Output } from "./options.ts";
import { LineScanner } from "./line_scanner.ts";
import { ForwardSink, NullSink, type Sink, StreamSink } from "./sinks.ts";
import { StdoutSplitter } from "./stdout_splitter.ts";
import type { Socket } from "node:net";

/** What a {@linkcode ChildOutput} is, and what it is for. */
export interface ChildOutputOptions {
  /** The pipe, read by nobody yet. */
  source: Socket;
  /** What becomes of the output. */
  kind: Output;
  /** Where it goes if it is forwarded. */
  target: StandardOutput;
  /** Which lines of it count as barriers. */
  readyLine?: RegExp | undefined;
  /** Whether the pipe is the channel, and has lines of the protocol. */
  isChannel?: boolean | undefined;
  /** Delivers the barriers in it. */
  deliver: (messages: readonly Message[]) => void;
}

/**
 * How long, in milliseconds, a barrier waits at most until the output before it
 * is written. A reader of this process's stdout that has stopped reading must
 * not stop the barrier as well.
 */
export const WRITE_GRACE = 100;

/** What a child prints on its stdout, or its stderr. */
export class ChildOutput {
  /** The pipe. */
  readonly source: Socket;
  readonly #reference: SocketReference;
  readonly #sink: Sink;
  readonly #scanner: LineScanner | undefined;
  readonly #splitter: StdoutSplitter | undefined;
  readonly #deliver: (messages: readonly Message[]) => void;
  /** Barriers that wait for the output before them, in order, until when. */
  readonly #waiting: { messages: Message[]; deadline: number }[] = [];
  #delivering: Promise<void> | undefined;
  /**
   * Resolves when the last process that could print has closed the pipe, and all
   * that was printed has been read.
   */
  readonly ended: Promise<void>;
  #isEnded = false;
  #draining: Promise<void> | undefined;
  #isFinished = false;

  constructor(options: ChildOutputOptions) {
    const { kind, target, readyLine, isChannel, deliver } = options;
    const source = readDirectly(options.source, (bytes) => this.#read(bytes));
    this.source = source;
    this.#reference = SocketReference.of(source);
    this.#deliver = deliver;
    this.#scanner = readyLine && new LineScanner(readyLine);
    this.#splitter = isChannel ? new StdoutSplitter() : undefined;
    const events = {
      onRoom: () => void source.resume(),
      // The child gets SIGPIPE, unless its output is read for something else.
      onClosed: () => {
        if (!readyLine && !isChannel) source.destroy();
      },
    };
    this.#sink = kind === "forward"
      ? new ForwardSink(target, events)
      : kind === "piped"
      ? new StreamSink(source, events)
      : new NullSink();
    source.on("error", () => {}); // "close" follows
    this.ended = this.#watchEnd();
  }

  /** The output as a stream, if it is piped. */
  get stream(): Deno.SubprocessReadableStream | undefined {
    return this.#sink instanceof StreamSink ? this.#sink.stream : undefined;
  }

  /** Whether {@linkcode ChildOutput.ended} has resolved. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Reads what has arrived, and returns whether to go on. */
  #read(bytes: Uint8Array): boolean {
    if (this.#splitter) {
      const { output, messages } = this.#splitter.read(bytes);
      const found = this.#push(output);
      this.#deliverInOrder([...found, ...messages]);
    } else {
      this.#deliverInOrder(this.#push(bytes));
    }
    return !this.#sink.isFull || this.#draining !== undefined;
  }

  #push(bytes: Uint8Array): Message[] {
    if (bytes.length === 0) return [];
    this.#sink.push(bytes);
    return this.#scanner?.read(bytes) ?? [];
  }

  async #watchEnd(): Promise<void> {
    await ended(this.source);
    this.#endLine();
    this.#sink.end();
    await this.#delivering;
    this.#isEnded = true;
  }

  /** Half a line of the protocol is output. */
  #endLine(): void {
    if (this.#splitter) this.#push(this.#splitter.end());
  }

  /**
   * Delivers barriers when what was printed before them has been written, so
   * that what this process then prints comes after it.
   */
  #deliverInOrder(messages: Message[]): void {
    if (messages.length === 0) return;
    if (!this.#delivering && !this.#isWriting) return this.#deliver(messages);
    this.#waiting.push({ messages, deadline: now() + WRITE_GRACE });
    this.#delivering ??= this.#deliverWaiting();
  }

  async #deliverWaiting(): Promise<void> {
    await undefined; // so that what it resets below has been set
    for (let next; (next = this.#waiting.shift()) !== undefined;) {
      const left = next.deadline - now();
      if (this.#isWriting && left > 0) await within(left, this.#flush());
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

  /** Waits, once it has exited, until what the child printed has been read. */
  drain(): Promise<void> {
    return this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    await undefined; // so that reading goes on whatever the sink holds
    await drained(this.source);
    this.#endLine();
    await this.#delivering;
  }

  /** Waits until what is forwarded has been written. */
  async finish(): Promise<void> {
    if (!(this.#sink instanceof ForwardSink)) return;
    await this.drain();
    await this.#flush();
    this.#isFinished = true;
    this.hold(false);
  }

  /**
   * Sets whether this process stays alive for what it has to forward.
   *
   * @param held Whether it does.
   */
  hold(held: boolean): void {
    if (!(this.#sink instanceof ForwardSink)) return;
    this.#reference.hold("output", held && !this.#isFinished);
  }
}
