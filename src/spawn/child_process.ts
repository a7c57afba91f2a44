// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The parent's view of a child process. Its jobs are classes of their own: its
 * streams, the target of its signals, stopping it. This ties them to a barrier.
 *
 * How the parent notices that the child has exited:
 *
 * - Unless it is really inherited or the null device, the child's stdout is a
 *   pipe that the parent reads, and its closing announces the exit. But a child
 *   can close it and keep running, and a grandchild can hold it open after the
 *   exit. The same is true of the channel.
 * - So a hang-up is reported once everything that the child had sent has been
 *   read, and either the channel was closed or the process has exited. An exit
 *   is never reported before a barrier that was placed before it.
 * - A channel that was closed by a running process is not an error yet: a daemon
 *   reports that it is ready, closes the descriptor, and serves on. Waits that
 *   need another barrier fail, but the signal is aborted only at the exit.
 */

import { Barrier } from "../barrier/barrier.ts";
import type {
  BarrierWaitOptions,
  InternalOptions,
} from "../barrier/options.ts";
import { exitOf } from "../runtime/exit.ts";
import {
  endWithProgram,
  surviveErrors,
  unrefProcess,
} from "../runtime/process.ts";
import { EventLoopReference, within } from "../runtime/timers.ts";
import { stop } from "./ending.ts";
import type { Launched } from "./launch.ts";
import type { Plan } from "./options.ts";
import { WRITE_GRACE } from "./output.ts";
import type { Probe } from "./probe.ts";
import { SignalTarget } from "./process_group.ts";
import { type BarrierReadyOptions, Readiness } from "./readiness.ts";
import { registerChild } from "./signals.ts";
import { Streams } from "./streams.ts";
import { traced } from "./tracing.ts";
import type { ChildProcess as NodeChildProcess } from "node:child_process";

/**
 * How long, in milliseconds, to wait for the exit of a child that has closed its
 * channel, because the exit status says more than "closed its channel".
 */
const EXIT_GRACE = 500;

/** A child process with its barrier, as `spawnWithBarrier` returns it. */
export class ChildProcess extends Barrier implements AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<Deno.CommandStatus>;
  readonly status: Promise<Deno.CommandStatus>;

  readonly #plan: Plan;
  /** What errors call the child: "child process 4711 (sh)". */
  readonly #label: string;
  readonly #process: NodeChildProcess;
  readonly #streams: Streams;
  readonly #target: SignalTarget;
  readonly #readiness: Readiness;
  /** Keeps this process alive while the child runs, unless it is unref'ed. */
  readonly #running = new EventLoopReference();
  /** Removes the child from those that a signal to this process concerns. */
  #unregister: (() => void) | undefined;
  /** Removes the listener from the option `signal`. */
  #unlisten: (() => void) | undefined;
  #exit: Deno.CommandStatus | undefined;
  #stopping: Promise<void> | undefined;

  constructor(plan: Plan, launched: Launched) {
    const streams = new Streams(launched, plan);
    const pid = launched.process.pid!;
    const options: InternalOptions = {
      role: "parent",
      observer: traced(`parent of ${pid} (${plan.name})`),
      details: () => ({ pid, name: plan.name }),
    };
    super(streams.channel, options);
    this.pid = pid;
    this.#plan = plan;
    this.#label = `child process ${pid} (${plan.name})`;
    this.#process = launched.process;
    this.#streams = streams;
    this.#readiness = new Readiness(plan, this.#label, streams);
    this.#target = new SignalTarget(
      launched.process,
      this.#label,
      plan.processGroup,
    );
    // Otherwise the child sees the hang-up, and must be able to read what was sent.
    if (plan.endWithParent) endWithProgram(launched.process);
    else surviveErrors(launched.process);
    this.ref();
    this.exited = exitOf(launched.process).then((status) => {
      this.#onExit(status);
      return status;
    });
    this.status = this.#finish(this.exited.then(() => this.#hangUp()));
    for (const probe of plan.probes) this.#run(probe);
    const isReadOrProbed = plan.readyLine !== undefined ||
      plan.probes.length > 0;
    if (!isReadOrProbed) this.#watchChannel();
    if (plan.signal) this.#stopWith(plan.signal);
  }

  get stdin(): WritableStream<Uint8Array> {
    return piped(this.#streams.stdin?.stream, "stdin");
  }

  get stdout(): Deno.SubprocessReadableStream {
    return piped(this.#streams.stdout?.stream, "stdout");
  }

  get stderr(): Deno.SubprocessReadableStream {
    return piped(this.#streams.stderr?.stream, "stderr");
  }

  ready(options?: BarrierReadyOptions): Promise<string | undefined> {
    return this.#readiness.ready(this, options);
  }

  finished(options?: BarrierWaitOptions): Promise<void> {
    return this.#readiness.finished(this.status, options?.signal);
  }

  kill(signal: Deno.Signal | number = "SIGTERM"): void {
    this.#target.send(signal);
  }

  ref(): void {
    this.#hold(true);
  }

  unref(): void {
    this.#hold(false);
    unrefProcess(this.#process);
  }

  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  async #stop(): Promise<void> {
    await stop({
      target: this.#target,
      exited: this.exited,
      finish: async () => {
        await this.status;
        await this.#streams.end();
      },
      hangUp: () => this.destroy(),
    }, this.#plan);
    this.#forget();
  }

  override [Symbol.dispose](): void {
    this.#stopSilently();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #hold(held: boolean): void {
    const hasExited = this.#exit !== undefined;
    this.#register(held && !this.#target.isGone);
    this.#running.hold(held && !hasExited);
    this.#streams.hold(held, hasExited);
  }

  /** Sets whether the child is stopped with this process. */
  #register(isRegistered: boolean): void {
    if (!isRegistered) {
      this.#unregister?.();
      this.#unregister = undefined;
      return;
    }
    this.#unregister ??= registerChild({
      label: () =>
        this.#exit ? `the process group of ${this.#label}` : this.#label,
      isStopping: () => this.#stopping !== undefined,
      stop: () => this.stop(),
      signalStop: () => {
        // `--watch` drops the program after this, and Deno kills a child that it
        // drops.
        this.#process.unref();
        this.kill(this.#plan.stopSignal);
      },
      kill: () => this.kill("SIGKILL"),
    }, this.#plan.endWithParent);
  }

  /** Stops nothing more, because there is nothing left. */
  #forget(): void {
    this.#register(false);
    this.#unlisten?.();
  }

  /** Stops the child where there is no one to report an error to. */
  #stopSilently(): void {
    this.stop().catch(() => {});
  }

  #stopWith(signal: AbortSignal): void {
    const onAbort = () => {
      this.abort(signal.reason);
      this.#stopSilently();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#unlisten = () => signal.removeEventListener("abort", onAbort);
  }

  #onExit(status: Deno.CommandStatus): void {
    this.#exit = status;
    this.#target.onExit();
    // The rest of a group is still stopped, with this process or by the signal.
    if (this.#target.isGone) this.#forget();
    this.#running.hold(false);
    this.#streams.closeInput();
  }

  /** Reports the exit to the barrier, after all that the child had sent. */
  async #hangUp(): Promise<void> {
    await this.#streams.drainBarriers();
    // So that the child's last output is visible before the error.
    await within(WRITE_GRACE, this.#streams.finish());
    this.#streams.channel.hangUp(
      this.#readiness.exitError(this.#exit!),
    );
  }

  /** Waits for the exit, for the hang-up, and for output to be written. */
  async #finish(hungUp: Promise<void>): Promise<Deno.CommandStatus> {
    const status = await this.exited;
    await hungUp;
    await this.#streams.finish();
    return status;
  }

  /** Places the child's barrier for it when a probe succeeds. */
  async #run(probe: Probe): Promise<void> {
    // It is aborted at the latest when the child has exited.
    const { signal } = this;
    try {
      const note = await probe.run(signal);
      if (this.#exit) return; // a server that answers now is another one
      this.#streams.channel.deliver([
        { kind: "barrier", ...note === undefined ? {} : { note } },
      ]);
    } catch (error) {
      // Otherwise the child was stopped, or has exited.
      if (signal.aborted) return;
      this.#streams.channel.end(this.#readiness.probeError(error));
    }
  }

  /** Reports to the barrier that a running child has closed its channel. */
  async #watchChannel(): Promise<void> {
    await this.#streams.channelEnded();
    await within(EXIT_GRACE, this.exited);
    if (this.#exit) return; // which says more
    this.#streams.channel.end(this.#readiness.closedError());
  }
}

function piped<T>(stream: T | undefined, name: string): T {
  if (stream !== undefined) return stream;
  throw new TypeError(
    `Cannot get '${name}': it is not piped; pass ${name}: "piped"`,
  );
}
