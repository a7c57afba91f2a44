// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * A child process: how it begins, exits and ends.
 *
 * How the parent knows that the child is gone:
 *
 * - Unless it is really inherited or the null device, the child's stdout is a
 *   pipe that the parent reads. When it closes, the child exits, or has only
 *   redirected it and lives on; and it may stay open when the child is gone, in
 *   the hands of a grandchild. The same goes for the channel.
 * - So the hang-up is declared when everything that the child had sent has been
 *   read, and either the channel has closed or the process is gone. An exit
 *   never overtakes a barrier that was placed before it.
 * - A channel that has closed while the process lives is no more than that: a
 *   daemon announces itself, closes the descriptor and serves on. Waits that
 *   need more fail, but the signal is aborted only when the process is gone.
 */

import { BarrierAbortedError } from "../barrier/error.ts";
import { readVariable, TRACE_VARIABLE } from "../channels/environment.ts";
import { invalid, shown } from "./errors.ts";
import { builtin } from "../runtime/builtin.ts";
import { signalProcess, surviveErrors } from "../runtime/process.ts";
import { readDirectly } from "../runtime/socket_handle.ts";
import {
  DELAY_MAX,
  EventLoopReference,
} from "../runtime/event_loop_reference.ts";
import { commandStatus, type Launched } from "./launch.ts";
import { REASON_MAX } from "../barrier/lines.ts";
import { ChildInput, ChildOutput, oneLine, WRITE_GRACE } from "./output.ts";
import { SocketChannel } from "../channels/socket.ts";
import { within } from "../runtime/timers.ts";
import { describe, TracedChannel } from "../trace.ts";
import { Barrier } from "../../barrier.ts";
import type { BarrierProcess, BarrierReadyOptions } from "../../spawn.ts";

/**
 * How long, in milliseconds, after a child closed its channel its stdout may
 * take to end as well, and after that the child to exit. Where its stdout is no
 * pipe, nothing tells that the child is about to exit.
 */
const STDOUT_GRACE = 100;
const EXIT_GRACE = 2_000;
const UNKNOWN_GRACE = 500;

/** How long, in milliseconds, a child has between its signal and `SIGKILL`. */
const STOP_GRACE_PERIOD = 5_000;

/** How long, in milliseconds, `SIGKILL` may take to end a process group. */
const KILL_GRACE = 2_000;

/**
 * How long, in milliseconds, the end of a process waits at the least for a reader
 * of this process's stdout. One that has stopped reading is no reason to stay.
 */
const OUTPUT_GRACE = 1_000;

/** Sent to nobody; whether it could be tells who is there. */
const NO_SIGNAL = 0;

/** How often, in milliseconds, a process group is looked for. */
const GROUP_POLL = 10;

/** How a process is watched and ended; see `SpawnCommandOptions`. */
export interface ProcessOptions {
  signal?: AbortSignal | undefined;
  readyLine?: RegExp | undefined;
  processGroup?: boolean | undefined;
  stopSignal?: Deno.Signal | undefined;
  exitGracePeriod?: number | undefined;
  stopGracePeriod?: number | undefined;
}

/** The same, with a delay that depends on what was spawned. */
type WatchOptions = ProcessOptions & { exitGracePeriod: number };

/**
 * Checks, before a process is started, what is needed once it runs.
 *
 * @throws {TypeError} If an option is not valid.
 * @throws {RangeError} If a delay is out of range.
 * @throws The reason of the signal, if it is aborted.
 */
export function checkProcessOptions(options: ProcessOptions): void {
  const { signal, stopSignal, exitGracePeriod, stopGracePeriod } = options;
  checkDelay("Cannot spawn a child", "exitGracePeriod", exitGracePeriod);
  checkDelay("Cannot spawn a child", "stopGracePeriod", stopGracePeriod);
  if (stopSignal !== undefined) {
    const { signals } = builtin<typeof import("node:os")>("node:os").constants;
    if (typeof stopSignal !== "string" || !Object.hasOwn(signals, stopSignal)) {
      throw invalid("'stopSignal' must be the name of a signal", stopSignal);
    }
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalid("'signal' must be an AbortSignal", signal);
  }
  signal?.throwIfAborted();
}

function checkDelay(failure: string, name: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value === "number" && value >= 0 && value <= DELAY_MAX) return;
  const message =
    `${failure}: '${name}' must be a number of milliseconds from 0 to ${DELAY_MAX}, received ${
      shown(value)
    }`;
  throw typeof value === "number"
    ? new RangeError(message)
    : new TypeError(message);
}

/** A child process with its barrier, as `spawnWithBarrier` makes it. */
export class ChildBarrier extends Barrier implements BarrierProcess {
  readonly pid: number;
  readonly exited: Promise<Deno.CommandStatus>;
  readonly status: Promise<Deno.CommandStatus>;

  /** What errors call the process. */
  readonly #name: string;
  readonly #launched: Launched;
  readonly #options: WatchOptions;
  readonly #channel: SocketChannel;
  readonly #stdin: ChildInput | undefined;
  readonly #stdout: ChildOutput | undefined;
  readonly #stderr: ChildOutput | undefined;
  /** Keeps this process alive while the child runs, unless it is unref'ed. */
  readonly #running = new EventLoopReference();
  #exit: Deno.CommandStatus | undefined;
  /** Resolves when the barrier knows that the process is gone. */
  readonly #hungUp: Promise<void>;
  /** Whether nothing is left of the process's group, if it has its own. */
  #groupIsGone: boolean;
  #ending: Promise<void> | undefined;

  /**
   * @param launched The process.
   * @param program What errors call it.
   * @param options How to watch it, and to end it.
   */
  constructor(launched: Launched, program: string, options: WatchOptions) {
    const { channel, stdin, stdout, stderr } = connect(launched, options);
    const traced = readVariable(TRACE_VARIABLE) === "1"
      ? new TracedChannel(channel, `parent of ${launched.process.pid}`)
      : undefined;
    super(traced ?? channel, { role: "parent" });
    traced?.watchWaits(this);
    this.pid = launched.process.pid!;
    this.#name = `Child process ${this.pid} (${program})`;
    this.#launched = launched;
    this.#options = options;
    this.#channel = channel;
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#groupIsGone = !options.processGroup;
    surviveErrors(launched.process);
    this.ref();
    this.exited = this.#watchExit();
    this.#hungUp = this.exited.then((status) => this.#hangUp(status));
    this.status = this.#finish();
    if (options.readyLine === undefined) this.#watchChannel();
    if (options.signal) this.#endWith(options.signal);
  }

  get stdin(): WritableStream<Uint8Array> {
    return piped(this.#stdin?.stream, "stdin");
  }

  get stdout(): Deno.SubprocessReadableStream {
    return piped(this.#stdout?.stream, "stdout");
  }

  get stderr(): Deno.SubprocessReadableStream {
    return piped(this.#stderr?.stream, "stderr");
  }

  ref(): void {
    this.#hold(true);
  }

  unref(): void {
    this.#hold(false);
    this.#launched.process.unref(); // which matters in a worker
  }

  #hold(held: boolean): void {
    this.#running.hold(held && !this.#exit);
    this.#stdin?.hold(held && !this.#exit);
    this.#stdout?.hold(held);
    this.#stderr?.hold(held);
  }

  async ready(options: BarrierReadyOptions = {}): Promise<string | undefined> {
    // The failure comes from the event loop, and the stack is to lead here.
    const call: { stack?: string } = {};
    Error.captureStackTrace(call, this.ready);
    const { timeout, signal } = options;
    checkDelay(`Cannot wait for c${this.#name.slice(1)}`, "timeout", timeout);
    const timer = new AbortController();
    const timeoutId = timeout === undefined
      ? undefined
      : setTimeout(() => timer.abort(), timeout);
    try {
      const signals = signal ? [signal, timer.signal] : [timer.signal];
      const isReady = await this.waitNext({ signal: AbortSignal.any(signals) });
      if (isReady) return this.note;
    } catch (error) {
      if (error !== timer.signal.reason) throw error;
      const { readyLine } = this.#options;
      const why = readyLine ? `, in which no line matched ${readyLine}` : "";
      const message = `${this.#name} was not ready within ${timeout} ms${why}`;
      throw withStack(new DOMException(message, "TimeoutError"), call);
    } finally {
      clearTimeout(timeoutId);
    }
    throw withStack(this.#notReady(), call);
  }

  /** Why the process will not be ready. */
  #notReady(): BarrierAbortedError {
    const { message, kind, side, reason, status, cause }: BarrierAbortedError =
      this.signal.reason;
    return new BarrierAbortedError(
      message.startsWith(this.#name)
        ? message
        : `${this.#name} is not ready: ${message}`,
      {
        kind,
        side,
        reason,
        status,
        ...cause === undefined ? {} : { cause },
      },
    );
  }

  kill(signal: Deno.Signal | number = "SIGTERM"): void {
    if (this.#isGone) throw this.#alreadyExited(signal);
    this.#send(signal);
  }

  override [Symbol.dispose](): void {
    // Whoever does not wait for the end does not learn that it failed.
    this.#end().catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  /** Ends the process when a signal is aborted. */
  #endWith(signal: AbortSignal): void {
    const onAbort = () => {
      const { reason } = signal;
      this.abort(oneLine(describe(reason), REASON_MAX), { cause: reason });
      this.#end().catch(() => {});
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.exited.then(() => signal.removeEventListener("abort", onAbort));
  }

  async #watchExit(): Promise<Deno.CommandStatus> {
    const { process, socket, stdin } = this.#launched;
    const status = await new Promise<Deno.CommandStatus>((resolve) => {
      process.once("exit", (code, signal) => {
        resolve(commandStatus(code, signal));
      });
    });
    this.#exit = status;
    this.#running.hold(false);
    if (socket) stdin?.destroy();
    return status;
  }

  /** Tells the barrier that the process is gone, behind all that it had sent. */
  async #hangUp(status: Deno.CommandStatus): Promise<void> {
    await this.#channel.drain();
    if (this.#options.readyLine || !this.#launched.socket) {
      await Promise.all([this.#stdout?.drain(), this.#stderr?.drain()]);
    }
    // Who learns that the process failed is to find what it said before.
    const finished = [this.#stdout?.finish(), this.#stderr?.finish()];
    await within(WRITE_GRACE, Promise.all(finished));
    const how = status.signal
      ? `was killed by ${status.signal}`
      : `exited with code ${status.code}`;
    this.#channel.hangUp(
      new BarrierAbortedError(`${this.#name} ${how}`, {
        kind: "exited",
        side: "peer",
        status,
      }),
    );
  }

  /** Waits for the exit, until the barrier knows of it and output is written. */
  async #finish(): Promise<Deno.CommandStatus> {
    const status = await this.exited;
    await Promise.all([
      this.#hungUp,
      this.#stdout?.finish(),
      this.#stderr?.finish(),
    ]);
    return status;
  }

  /**
   * Tells the barrier that the channel was closed. If the process did so by
   * exiting, its stdout ends with it and its status follows, which is worth the
   * wait: it says why nothing more comes. If stdout stays, the process lives on.
   */
  async #watchChannel(): Promise<void> {
    await this.#channel.ended;
    if (this.#stdout) {
      const { ended } = this.#stdout;
      await within(STDOUT_GRACE, Promise.race([ended, this.exited]));
      if (this.#stdout.isEnded) await within(EXIT_GRACE, this.exited);
    } else {
      await within(UNKNOWN_GRACE, this.exited);
    }
    if (this.#exit) return; // which says more
    this.#channel.end(
      new BarrierAbortedError(`${this.#name} closed its channel`, {
        kind: "closed",
        side: "peer",
      }),
    );
  }

  /** Ends the process, once, and waits until it is gone. */
  #end(): Promise<void> {
    return this.#ending ??= this.#stop();
  }

  async #stop(): Promise<void> {
    const {
      stopSignal = "SIGTERM",
      exitGracePeriod,
      stopGracePeriod = STOP_GRACE_PERIOD,
    } = this.#options;
    this.destroy();
    if (!await this.#goneWithin(exitGracePeriod)) {
      await this.#sendIfThere(stopSignal);
      // A process that is stopped acts on no other signal.
      if (Deno.build.os !== "windows") await this.#sendIfThere("SIGCONT");
      if (!await this.#goneWithin(stopGracePeriod)) {
        await this.#sendIfThere("SIGKILL");
        if (this.#options.processGroup) await this.#goneWithin(KILL_GRACE);
      }
    }
    await this.exited;
    await this.#hungUp;
    // Also what nobody reads, so that no pipe stays open for it.
    await Promise.all([this.#stdout?.drain(), this.#stderr?.drain()]);
    await within(Math.max(stopGracePeriod, OUTPUT_GRACE), this.status);
  }

  async #goneWithin(ms: number): Promise<boolean> {
    const deadline = performance.now() + ms;
    if (ms > 0) await within(ms, this.exited, { persistent: true });
    // No event tells that the rest of a group has gone.
    while (this.#exit && !this.#isGone && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, GROUP_POLL));
    }
    return this.#isGone;
  }

  /** Whether the process has gone, and with it its group. */
  get #isGone(): boolean {
    if (this.#exit === undefined) return false;
    // Once it was gone, the number may be another group's.
    this.#groupIsGone ||= !this.#groupExists();
    return this.#groupIsGone;
  }

  #groupExists(): boolean {
    try {
      Deno.kill(-this.pid, NO_SIGNAL);
      return true;
    } catch (error) {
      return !(error instanceof Deno.errors.NotFound);
    }
  }

  async #sendIfThere(signal: Deno.Signal): Promise<void> {
    try {
      if (!this.#isGone) this.#send(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      if (!(error.cause instanceof Deno.errors.NotCapable)) return;
      // It has exited, unless the system has refused the signal.
      await within(EXIT_GRACE, this.exited, { persistent: true });
      if (!this.#exit) throw this.#refused(signal, error);
    }
  }

  /**
   * Sends a signal to the process, or to its group.
   *
   * @throws {TypeError} If it has just exited.
   * @throws {Deno.errors.PermissionDenied} If it may not be signalled.
   */
  #send(signal: Deno.Signal | number): void {
    const { processGroup } = this.#options;
    if (!processGroup && signalProcess(this.#launched.process, signal)) return;
    try {
      if (processGroup) return Deno.kill(-this.pid, signal);
      Deno.kill(this.pid, NO_SIGNAL); // which tells why it was not sent
    } catch (cause) {
      if (cause instanceof Deno.errors.PermissionDenied) {
        throw this.#refused(signal, cause);
      }
      const isGone = cause instanceof Deno.errors.NotFound ||
        cause instanceof Deno.errors.NotCapable; // it may not be asked
      if (!isGone) throw cause;
      throw this.#alreadyExited(signal, cause);
    }
    throw this.#alreadyExited(signal);
  }

  #refused(signal: Deno.Signal | number, cause: unknown): Error {
    return new Deno.errors.PermissionDenied(
      `${this.#cannotSend(signal)}: permission denied by the system`,
      { cause },
    );
  }

  #alreadyExited(signal: Deno.Signal | number, cause?: unknown): TypeError {
    const message = `${this.#cannotSend(signal)}: it has already exited`;
    return new TypeError(message, cause === undefined ? {} : { cause });
  }

  #cannotSend(signal: Deno.Signal | number): string {
    return `Cannot send ${signal} to c${this.#name.slice(1)}`;
  }
}

/** Makes a process's pipes into its channel and its streams. */
function connect(launched: Launched, { readyLine }: ProcessOptions): {
  channel: SocketChannel;
  stdin: ChildInput | undefined;
  stdout: ChildOutput | undefined;
  stderr: ChildOutput | undefined;
} {
  const { stdin, stdout, stderr, kinds } = launched;
  const deliver = (lines: Uint8Array) => channel.deliver(lines);
  const socket = launched.socket && readDirectly(launched.socket, deliver);
  const childStdout = stdout && new ChildOutput({
    source: stdout,
    kind: kinds.stdout,
    target: Deno.stdout,
    readyLine,
    isChannel: !socket,
    deliver,
  });
  const childStderr = stderr && new ChildOutput({
    source: stderr,
    kind: kinds.stderr,
    target: Deno.stderr,
    readyLine,
    deliver,
  });
  const channel = new SocketChannel(
    socket
      ? { readable: socket, writable: socket, acceptsText: true }
      : { readable: stdout!, writable: stdin!, acceptsText: false },
  );
  return {
    channel,
    stdin: socket && stdin && new ChildInput(stdin),
    stdout: childStdout,
    stderr: childStderr,
  };
}

function piped<T>(stream: T | undefined, name: string): T {
  if (stream === undefined) {
    throw new TypeError(`Cannot get '${name}': '${name}' is not piped`);
  }
  return stream;
}

/** Lets an error's stack lead to a call. */
function withStack<E extends Error>(error: E, call: { stack?: string }): E {
  const frames = call.stack?.split("\n").slice(1).join("\n") ?? "";
  Object.defineProperty(error, "stack", {
    value: `${error.name}: ${error.message}\n${frames}`,
    configurable: true,
    writable: true,
  });
  return error;
}
