// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Waiting until a child is ready or has finished, with errors that say why not. */

import type { Barrier } from "../barrier/barrier.ts";
import { type BarrierWaitOptions, refused } from "../barrier/options.ts";
import {
  BarrierAbortedError,
  type ExitStatus,
  showCaller,
} from "../barrier/error.ts";
import { cut, describe } from "../barrier/lines.ts";
import {
  clearTimeout,
  EventLoopReference,
  setTimeout,
} from "../runtime/timers.ts";
import { milliseconds, type Plan } from "./options.ts";
import { unlessAborted } from "./probe.ts";
import type { Streams } from "./streams.ts";

/** How long, in milliseconds, `ready()` waits by default. */
const READY_TIMEOUT = 60_000;

/** How many characters of a line, or of an expression, an error shows. */
const QUOTED_MAX = 200;

/** How many characters of another error's message an error shows. */
const ERROR_MAX = 500;

/** Options for `ready()` of a child process. */
export interface BarrierReadyOptions extends BarrierWaitOptions {
  /**
   * How long to wait, in milliseconds. `Infinity` waits without a limit.
   *
   * @default {60000}
   */
  timeout?: number | undefined;
}

/** Waits for a child, and explains in its errors what the child did instead. */
export class Readiness {
  readonly #plan: Plan;
  /** What errors call the child: "child process 4711 (sh)". */
  readonly #label: string;
  readonly #streams: Streams;
  #wasReady = false;

  constructor(plan: Plan, label: string, streams: Streams) {
    this.#plan = plan;
    this.#label = label;
    this.#streams = streams;
  }

  /**
   * Waits for the child's next barrier, and resolves to its note.
   *
   * @throws {BarrierAbortedError} If there will not be one.
   * @throws {DOMException} With the name `TimeoutError`, if it takes too long.
   */
  async ready(
    barrier: Barrier,
    { timeout = READY_TIMEOUT, signal }: BarrierReadyOptions = {},
  ): Promise<string | undefined> {
    if (timeout !== Infinity) {
      milliseconds(
        `Cannot wait for ${this.#label}`,
        "timeout",
        timeout,
        "pass Infinity to wait without a limit",
      );
    }
    const refusal = refused(signal);
    if (refusal !== undefined) return await refusal;
    const timer = new AbortController();
    const timeoutId = timeout === Infinity
      ? undefined
      : setTimeout(async () => {
        // What arrived in time counts, even if it was not read in time.
        await this.#streams.readAgain();
        timer.abort();
      }, timeout);
    try {
      const note = await barrier.receive({
        signal: AbortSignal.any(
          signal ? [signal, timer.signal] : [
            timer.signal,
          ],
        ),
      });
      this.#wasReady = true;
      return note;
    } catch (error) {
      const { ready } = Readiness.prototype;
      if (error === timer.signal.reason) {
        throw showCaller(this.#timedOut(timeout), ready);
      }
      if (!(error instanceof BarrierAbortedError)) throw error;
      throw showCaller(this.#notReady(error), ready);
    } finally {
      clearTimeout(timeoutId);
    }
  }

  /**
   * Waits until the child has exited with code 0 and its output is written.
   *
   * @param status Resolves then.
   * @throws {BarrierAbortedError} If it exits in another way.
   */
  async finished(
    status: Promise<Deno.CommandStatus>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const waiting = new EventLoopReference();
    waiting.hold(true);
    try {
      const ending = await (refused(signal) ??
        (signal ? unlessAborted(status, signal) : status));
      if (!ending.success) {
        throw showCaller(this.exitError(ending), Readiness.prototype.finished);
      }
    } finally {
      waiting.hold(false);
    }
  }

  /** Makes the error of a child that has exited. */
  exitError(status: Deno.CommandStatus): BarrierAbortedError {
    return this.#exited(howItExited(status), status);
  }

  /** Makes the error of a running child that has closed its channel. */
  closedError(): BarrierAbortedError {
    return new BarrierAbortedError(`${this.#name} closed its channel`, {
      kind: "closed",
      side: "peer",
    });
  }

  /** Makes the error of a child that can never be found ready. */
  probeError(cause: unknown): BarrierAbortedError {
    const why = cut(describe(cause), ERROR_MAX);
    return new BarrierAbortedError(
      `${this.#name} is not ready: ${why}`,
      { kind: "closed", side: "peer", cause },
    );
  }

  #notReady(error: BarrierAbortedError): BarrierAbortedError {
    const { kind, side, reason, status } = error;
    if (status !== undefined) {
      const how = howItExited(status);
      const what = this.#wasReady
        ? `was ready, then ${how}`
        : status.success
        ? `${how} before it was ready; use finished() to wait for a program to end`
        : how;
      return this.#exited(what, status);
    }
    const { message } = error;
    return new BarrierAbortedError(
      message.startsWith(this.#name)
        ? message
        : `${this.#name} is not ready: ${message}`,
      { kind, side, reason, cause: error.cause ?? error },
    );
  }

  #exited(what: string, status: ExitStatus): BarrierAbortedError {
    const { stdout, stderr } = this.#streams;
    const cause = stdout?.failure ?? stderr?.failure;
    return new BarrierAbortedError(`${this.#name} ${what}${this.#tail()}`, {
      kind: "exited",
      side: "peer",
      status,
      ...cause === undefined ? {} : { cause },
    });
  }

  /** The label at the beginning of a message. */
  get #name(): string {
    return `C${this.#label.slice(1)}`;
  }

  #timedOut(timeout: number): DOMException {
    return new DOMException(
      `${this.#name} was not ready within ${timeout} ms: ${this.#whatIsMissing()}${this.#printed()}`,
      "TimeoutError",
    );
  }

  /** What the child has printed so far, as far as an error shows it. */
  #printed(): string {
    const tail = this.#tail();
    if (tail !== "") return `; it printed${tail}`;
    const { stdout, stderr } = this.#streams;
    const line = stderr?.lastLine ?? stdout?.lastLine;
    return line === undefined
      ? ""
      : `; the last line that it printed: ${cut(line, QUOTED_MAX)}`;
  }

  #whatIsMissing(): string {
    const { readyLine, probes, program } = this.#plan;
    const missing = probes.map(({ lastFailure }) => lastFailure);
    if (readyLine) {
      const pattern = cut(String(readyLine), QUOTED_MAX);
      missing.unshift(`no line of its output matched ${pattern}`);
    }
    if (missing.length > 0) return missing.join("; ");
    if (this.#wasReady) return "it placed no further barrier";
    const hint = program.kind === "module"
      ? "does it call inheritBarrier() and place()?"
      : "for a program that does not use barriers, pass 'readyLine', 'readyUrl' or 'readyWhen'";
    return `it placed no barrier; ${hint}`;
  }

  /** The last lines that the child printed, where they go to an error. */
  #tail(): string {
    const { stdout, stderr } = this.#streams;
    const lines = [...stdout?.tail ?? [], ...stderr?.tail ?? []];
    if (lines.length === 0) return "";
    return lines.length === 1
      ? `: ${lines[0]}`
      : `:\n${lines.map((line) => `  ${line}`).join("\n")}`;
  }
}

function howItExited({ code, signal }: ExitStatus): string {
  return signal ? `was killed by ${signal}` : `exited with code ${code}`;
}
