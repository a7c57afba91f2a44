// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * What a child prints, on its way to whoever takes it: this process's own stdout
 * or stderr, a stream for the caller, or nobody. Each bounds what it holds, and
 * pauses the child's pipe when that is reached.
 */

import { ended, SocketReference } from "../runtime/socket.ts";
import { type StandardOutput, writeWhole } from "../runtime/standard_output.ts";
import type { Output as OutputKind } from "./options.ts";
import {
  encode,
  encodeBarrier,
  NOTE_MAX,
  printable,
} from "../barrier/lines.ts";
import { drained } from "../runtime/drain.ts";
import { within } from "../runtime/timers.ts";
import { concat, StdoutSplitter } from "./stdout_splitter.ts";
import type { Socket } from "node:net";

/** How many bytes of a child's output are kept for a reader that is behind. */
const BACKLOG_MAX = 16 * 1024 * 1024;

/** What a {@linkcode ChildOutput} is, and what it is for. */
export interface ChildOutputOptions {
  /** The pipe. */
  source: Socket;
  kind: OutputKind;
  /** Where it goes if it is forwarded. */
  target: StandardOutput;
  /** Which lines of it count as barriers. */
  readyLine?: RegExp | undefined;
  /** Whether the pipe is the channel, and lines of the protocol come between. */
  isChannel?: boolean | undefined;
  /** Delivers lines of the protocol. */
  deliver: (lines: Uint8Array) => void;
}

/**
 * How long, in milliseconds, a barrier waits for what was printed before it to be
 * written, from when it has arrived. A reader of this process's stdout that has
 * stopped reading must not stop the barrier as well.
 */
export const WRITE_GRACE = 100;

/** What a child prints on its stdout, or its stderr. */
export class ChildOutput {
  readonly #source: Socket;
  readonly #sink: Sink;
  readonly #scanner: LineScanner | undefined;
  readonly #splitter: StdoutSplitter | undefined;
  readonly #deliver: (lines: Uint8Array) => void;
  /** Lines that wait for the output in front of them, in order, until when. */
  readonly #lines: { lines: Uint8Array; deadline: number }[] = [];
  #delivering: Promise<void> | undefined;
  /** Resolves when the last process that could print has closed it. */
  readonly ended: Promise<void>;
  #isEnded = false;
  #draining: Promise<void> | undefined;
  #isFinished = false;

  constructor(options: ChildOutputOptions) {
    const { source, kind, target, readyLine, isChannel, deliver } = options;
    this.#source = source;
    this.#deliver = deliver;
    if (readyLine) {
      this.#scanner = new LineScanner(
        readyLine,
        (matches) => this.#deliverInOrder(concat(matches.map(barrierOf))),
      );
    }
    if (isChannel) {
      this.#splitter = new StdoutSplitter(
        (bytes) => this.#push(bytes),
        (lines) => this.#deliverInOrder(lines),
      );
    }
    // The child is to notice that nobody wants more, unless somebody does.
    const onClose = () => {
      if (!readyLine && !isChannel) source.destroy();
    };
    this.#sink = kind === "forward"
      ? new ForwardSink(source, target, onClose)
      : kind === "piped"
      ? new StreamSink(source, onClose)
      : new NullSink();
    source.on("data", (bytes: Uint8Array) => this.#read(bytes));
    source.on("error", () => {}); // "close" follows
    this.ended = ended(source);
    this.ended.then(() => this.#end());
  }

  /** The output as a stream, if it is piped. */
  get stream(): Deno.SubprocessReadableStream | undefined {
    return this.#sink instanceof StreamSink ? this.#sink.stream : undefined;
  }

  #read(bytes: Uint8Array): void {
    if (this.#splitter) this.#splitter.read(bytes);
    else this.#push(bytes);
  }

  #push(bytes: Uint8Array): void {
    this.#sink.push(bytes);
    this.#scanner?.read(bytes);
  }

  /** Whether it has ended. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  #end(): void {
    this.#isEnded = true;
    this.#splitter?.end();
    this.#scanner?.end();
    this.#sink.end();
  }

  /**
   * Delivers lines when what was printed before them has been written, so that
   * what this process then prints comes behind.
   */
  #deliverInOrder(lines: Uint8Array): void {
    if (!this.#delivering && !this.#isWriting) return this.#deliver(lines);
    this.#lines.push({ lines, deadline: performance.now() + WRITE_GRACE });
    this.#delivering ??= this.#deliverLines();
  }

  async #deliverLines(): Promise<void> {
    for (let next; (next = this.#lines.shift()) !== undefined;) {
      const left = next.deadline - performance.now();
      if (this.#isWriting && left > 0) await within(left, this.#flush());
      this.#deliver(next.lines);
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
    await drained(this.#source);
    this.#splitter?.end();
    this.#scanner?.end();
    await this.#delivering;
  }

  /** Waits until what is forwarded has been written. */
  async finish(): Promise<void> {
    if (!(this.#sink instanceof ForwardSink)) return;
    await this.drain();
    await this.#flush();
    this.#isFinished = true;
    this.#sink.hold(false);
  }

  /** Whether this process is to stay for what it has to forward. */
  hold(held: boolean): void {
    if (!(this.#sink instanceof ForwardSink)) return;
    this.#sink.hold(held && !this.#isFinished);
  }
}

/** Where a child's output goes. */
interface Sink {
  /** Takes bytes, which are not kept. */
  push(bytes: Uint8Array): void;
  /** There are no more. */
  end(): void;
}

/** Nobody wants the output. */
class NullSink implements Sink {
  push(): void {}

  end(): void {}
}

/** The output is written to this process's own stdout or stderr. */
class ForwardSink implements Sink {
  readonly #reference: SocketReference;
  readonly #target: StandardOutput;
  readonly #onBroken: () => void;
  readonly #queue: ByteQueue;
  #writing: Promise<void> | undefined;
  #broken = false;

  /**
   * @param source The pipe to pause while too much is held.
   * @param target Where to write.
   * @param onBroken Called when nobody reads the target any more.
   */
  constructor(source: Socket, target: StandardOutput, onBroken: () => void) {
    this.#reference = SocketReference.of(source);
    this.#target = target;
    this.#onBroken = onBroken;
    this.#queue = new ByteQueue(source);
  }

  push(bytes: Uint8Array): void {
    if (this.#broken) return;
    this.#queue.push(bytes);
    this.#writing ??= this.#write();
  }

  end(): void {}

  /** Whether something is still to be written. */
  get isWriting(): boolean {
    return this.#writing !== undefined;
  }

  /** Waits until all has been written. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  hold(held: boolean): void {
    this.#reference.hold("output", held);
  }

  async #write(): Promise<void> {
    try {
      for (let bytes; (bytes = this.#queue.shift()) !== undefined;) {
        await writeWhole(this.#target, bytes);
      }
    } catch {
      this.#broken = true;
      this.#queue.clear();
      this.#onBroken();
    }
    this.#writing = undefined;
  }
}

/** The output is a stream for the caller, like those of `Deno.ChildProcess`. */
class StreamSink implements Sink {
  readonly stream: Deno.SubprocessReadableStream;
  readonly #reference: SocketReference;
  readonly #queue: ByteQueue;
  #controller!: ReadableByteStreamController;
  #reading = false;
  #ended = false;
  #cancelled = false;

  /**
   * @param source The pipe to pause while too much is held.
   * @param onCancel Called when the caller wants no more.
   */
  constructor(source: Socket, onCancel: () => void) {
    this.#reference = SocketReference.of(source);
    this.#queue = new ByteQueue(source);
    const stream = new ReadableStream({
      type: "bytes",
      start: (controller) => {
        this.#controller = controller;
      },
      // It is called when a read is pending: only a stream that holds no bytes
      // itself tells of that, and only then is the pipe to keep this process.
      pull: () => {
        this.#reading = true;
        this.#deliver();
        this.#reference.hold("read", this.#reading);
      },
      cancel: () => {
        this.#cancelled = true;
        this.#queue.clear();
        this.#reference.hold("read", false);
        onCancel();
      },
    });
    const rest = async () => new Blob(await Array.fromAsync(stream));
    this.stream = Object.assign(stream, {
      arrayBuffer: async () => (await rest()).arrayBuffer(),
      bytes: async () => (await rest()).bytes(),
      json: async () => JSON.parse(await (await rest()).text()),
      text: async () => (await rest()).text(),
    });
  }

  push(bytes: Uint8Array): void {
    if (this.#cancelled) return;
    this.#queue.push(bytes);
    this.#deliver();
  }

  end(): void {
    this.#ended = true;
    this.#deliver();
  }

  #deliver(): void {
    if (!this.#reading || this.#cancelled) return;
    const bytes = this.#queue.shift();
    if (bytes !== undefined) {
      this.#controller.enqueue(bytes);
    } else if (this.#ended) {
      this.#controller.close();
      this.#controller.byobRequest?.respond(0);
    } else {
      return;
    }
    this.#reading = false;
    this.#reference.hold("read", false);
  }
}

/** The size, in bytes, of what small chunks are gathered in. */
const BLOCK = 64 * 1024;

/** Bytes in the order in which they came, in little more memory than they need. */
class ByteQueue {
  readonly #source: Socket;
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  /** How much of the last chunk is in use; all of any other. */
  #lastLength = 0;
  #size = 0;

  /** @param source What to pause while the queue holds too much. */
  constructor(source: Socket) {
    this.#source = source;
  }

  push(bytes: Uint8Array): void {
    const added = this.#addToLast(bytes);
    if (added < bytes.length) this.#addChunk(bytes.subarray(added));
    this.#size += bytes.length;
    if (this.#size > BACKLOG_MAX) this.#source.pause();
  }

  shift(): Uint8Array<ArrayBuffer> | undefined {
    let chunk = this.#chunks.shift();
    if (chunk === undefined) return undefined;
    if (this.#chunks.length === 0 && this.#lastLength < chunk.length) {
      chunk = chunk.slice(0, this.#lastLength);
    }
    this.#size -= chunk.length;
    if (this.#size <= BACKLOG_MAX) this.#source.resume();
    return chunk;
  }

  clear(): void {
    while (this.shift());
  }

  #addToLast(bytes: Uint8Array): number {
    const last = this.#chunks.at(-1);
    if (last === undefined) return 0;
    const room = last.length - this.#lastLength;
    const added = bytes.subarray(0, room);
    last.set(added, this.#lastLength);
    this.#lastLength += added.length;
    return added.length;
  }

  #addChunk(bytes: Uint8Array): void {
    // The first chunk is the rule, where the reader keeps up: it is exact.
    const size = this.#chunks.length === 0 ? 0 : BLOCK;
    const chunk = new Uint8Array(Math.max(size, bytes.length));
    chunk.set(bytes);
    this.#chunks.push(chunk);
    this.#lastLength = bytes.length;
  }
}

/** The longest beginning of a line, in characters, that is looked at. */
const SCANNED_MAX = 64 * 1024;

/** A line ends with LF, or with the CR by which a program overwrites it. */
const LINE_END = /[\r\n]/g;

/** Looks for lines of a child's output that match a regular expression. */
export class LineScanner {
  readonly #pattern: RegExp;
  readonly #onMatches: (matches: RegExpExecArray[]) => void;
  readonly #decoder = new TextDecoder();
  /** A line whose end has not arrived yet. */
  #line = "";
  /** Whether a CR came last. */
  #afterCr = false;

  /** @param onMatches Called with the matches of what arrives together. */
  constructor(
    pattern: RegExp,
    onMatches: (matches: RegExpExecArray[]) => void,
  ) {
    // A copy, as a "g" or "y" expression remembers where it was.
    this.#pattern = new RegExp(pattern);
    this.#onMatches = onMatches;
  }

  read(bytes: Uint8Array): void {
    this.#add(this.#decoder.decode(bytes, { stream: true }));
  }

  /** The output has ended, maybe within a line. */
  end(): void {
    this.#add(this.#decoder.decode());
    if (this.#line !== "") this.#add("\n");
  }

  #add(text: string): void {
    const matches: RegExpExecArray[] = [];
    for (let start = 0; start < text.length;) {
      LINE_END.lastIndex = start;
      const lineEnd = LINE_END.exec(text)?.[0];
      const end = lineEnd ? LINE_END.lastIndex - 1 : text.length;
      const room = Math.max(0, SCANNED_MAX - this.#line.length);
      this.#line += text.slice(start, Math.min(end, start + room));
      // CR LF is one end, and a CR may come in front of what it overwrites.
      const isEmpty = end === start && this.#line === "";
      if (lineEnd && !(isEmpty && (lineEnd === "\r" || this.#afterCr))) {
        const match = this.#endLine();
        if (match) matches.push(match);
      }
      this.#afterCr = lineEnd === "\r";
      start = end + 1;
    }
    if (matches.length > 0) this.#onMatches(matches);
  }

  #endLine(): RegExpExecArray | null {
    this.#pattern.lastIndex = 0;
    const match = this.#pattern.exec(plainText(this.#line));
    this.#line = "";
    return match;
  }
}

/** The barrier that a line stands for which says that the program is ready. */
function barrierOf(match: RegExpExecArray): Uint8Array {
  return encodeBarrier(oneLine(match[1] ?? match.input, NOTE_MAX));
}

/**
 * Makes one line of any text, one that can be sent.
 *
 * @param size How many bytes it may have at the most.
 */
export function oneLine(text: string, size: number): string {
  const line = text.slice(0, size).replace(CONTROLS, " ").toWellFormed();
  // A character that is cut in two is left out.
  return new TextDecoder().decode(encode(printable(line)).subarray(0, size), {
    stream: true,
  });
}

const CONTROL = /\p{Cc}/u;
const CONTROLS = /\p{Cc}+/gu;
const ESCAPES =
  // deno-lint-ignore no-control-regex -- this is what they are
  /\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]/g;

/**
 * Removes colours and whatever else controls a terminal. A tab, which a note
 * cannot have either, becomes a space.
 */
function plainText(line: string): string {
  return CONTROL.test(line)
    ? line.replace(ESCAPES, "").replaceAll("\t", " ").replace(CONTROLS, "")
    : line;
}

/** A child's stdin, as a stream for the caller. */
export class ChildInput {
  readonly stream: WritableStream<Uint8Array>;
  readonly #reference: SocketReference;

  constructor(socket: Socket) {
    this.#reference = SocketReference.of(socket);
    socket.on("error", () => {}); // the write reports it
    this.stream = new WritableStream({
      write: (bytes) =>
        new Promise((resolve, reject) => {
          socket.write(bytes, (cause) => {
            if (!cause) return resolve();
            const message = `Cannot write to stdin: ${cause.message}`;
            reject(new Deno.errors.BrokenPipe(message, { cause }));
          });
        }),
      close: () => {
        if (socket.closed) return;
        return new Promise((resolve) => {
          socket.once("close", resolve); // also if the child is gone
          socket.end();
        });
      },
      abort: () => {
        socket.destroy();
      },
    });
  }

  /** Whether this process is to stay for what is being written. */
  hold(held: boolean): void {
    this.#reference.hold("input", held);
  }
}
