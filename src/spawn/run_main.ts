// Copyright 2026 the @ipc/barrier authors. MIT license.

import { BarrierAbortedError } from "../barrier/error.ts";
import { builtin } from "../runtime/builtin.ts";
import { requireDeno } from "../runtime/host.ts";
import { setTimeout, within } from "../runtime/timers.ts";
import { shownWithoutSecrets } from "./errors.ts";
import {
  type EndSignal,
  hasDiedOfSignal,
  registeredChildren,
  registerMain,
} from "./signals.ts";
import type { AsyncLocalStorage } from "node:async_hooks";

/** How long, in milliseconds, stopping may take before a line says so. */
const PATIENCE = 1_000;

/** How many children that line names. */
const NAMES_MAX = 5;

/**
 * How long, in milliseconds, a signal can arrive after the error of a child that
 * has died of it, as a terminal sends a Ctrl-C to all its programs.
 */
const SIGNAL_GRACE = 200;

/**
 * Runs a program's main function so that it cleans up before a signal ends it.
 *
 * At the first SIGINT (Ctrl-C), SIGTERM or SIGHUP:
 *
 * 1. The `signal` that `main` was given is aborted. Pass it to whatever waits:
 *    `child.ready({ signal })`, `fetch(url, { signal })`.
 * 2. `main` ends: its blocks end in their order, an `await using` stops its
 *    child, and `finally` runs.
 * 3. This process dies of the signal, so that a shell sees the code 130, 143 or
 *    129. Where another listener prevents that, it exits with that code.
 *
 * An error that `main` throws after the signal is printed, unless it is a
 * consequence of the signal: the reason of `signal`, an error whose causes
 * include it, or the error of a child that was killed by the same signal.
 *
 * A second signal kills all children and this process immediately. Signals that
 * arrive within 200 ms count as one, because `deno task` and `npm run` pass on a
 * Ctrl-C that the terminal has sent already. If stopping takes longer than a
 * second, a line on stderr says what it waits for.
 *
 * While `main` runs, only its blocks stop its children; `endWithParent` has no
 * effect until `main` has ended. On Windows the signals are SIGINT and SIGBREAK
 * (Ctrl-Break).
 *
 * A call within `main`, also by a library, only calls its function with the same
 * signal, and ends when that ends.
 *
 * @typeParam T What `main` returns.
 * @param main The function. Its `signal` is aborted when the program must end.
 * @returns What `main` returns, or resolves to, if no signal arrives.
 * @throws {TypeError} If `main` is not a function.
 * @throws What `main` throws, if no signal arrives.
 *
 * @example Usage
 * ```ts
 * import { runMain, spawnWithBarrier } from "@ipc/barrier/spawn";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = await runMain(async (signal) => {
 *   await using server = spawnWithBarrier(
 *     ["sh", "-c", "echo listening on port 8000; exec sleep 60"],
 *     { readyLine: /listening on port (\d+)/, stdout: "null" },
 *   );
 *   return await server.ready({ signal });
 * });
 * assertEquals(answer, "8000");
 * ```
 */
export async function runMain<T>(
  main: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  requireDeno("run the main function", "call it directly");
  if (typeof main !== "function") {
    throw new TypeError(
      `Cannot run the main function: it must be a function, received ${
        shownWithoutSecrets(main)
      }`,
    );
  }
  const { AsyncLocalStorage } = builtin<typeof import("node:async_hooks")>(
    "node:async_hooks",
  );
  context ??= new AsyncLocalStorage();
  const outer = context.getStore();
  if (outer?.isRunning) return await main(outer.signal);
  const stop = new Stop();
  try {
    const result = await context.run(stop, main, stop.signal);
    if (!stop.signal.aborted) return result;
  } catch (error) {
    if (unexplained(error, isSignalDeath).length === 0) {
      await within(SIGNAL_GRACE, stop.received, { persistent: true });
    }
    if (!stop.signal.aborted) throw error;
    for (const other of stop.unexplained(error)) console.error(other);
  } finally {
    stop.end();
  }
  // The process dies of the signal.
  return await new Promise<never>(() => {});
}

/** The main function that code runs in, wherever it waits. */
let context: AsyncLocalStorage<Stop> | undefined;

/** Prints what stopping waits for, once for all main functions. */
let patience: ReturnType<typeof setTimeout> | undefined;

/** What a signal does to a main function. */
class Stop {
  readonly #controller = new AbortController();
  readonly #received = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #remove: () => void;
  /** Whether the function has not ended. */
  isRunning = true;

  constructor() {
    this.#remove = registerMain({
      ended: this.#ended.promise,
      onSignal: (signal) => this.#onSignal(signal),
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Resolves when a signal has arrived. */
  get received(): Promise<void> {
    return this.#received.promise;
  }

  #onSignal(signal: EndSignal): void {
    globalThis.addEventListener("unhandledrejection", this.#onRejection);
    patience ??= setTimeout(printPatience, PATIENCE);
    Deno.unrefTimer(patience);
    this.#controller.abort(
      new DOMException(`Stopped by ${signal}`, "AbortError"),
    );
    this.#received.resolve();
  }

  /** Promises that nothing waits for reject for the same reasons as `main`. */
  readonly #onRejection = (event: PromiseRejectionEvent): void => {
    if (this.unexplained(event.reason).length === 0) event.preventDefault();
  };

  /** Returns the parts of an error that are not a consequence of the signal. */
  unexplained(error: unknown): unknown[] {
    return unexplained(
      error,
      (cause) =>
        cause === this.signal.reason || isSignalDeath(cause) ||
        isDestroyed(cause),
    );
  }

  /** Reports that the function has ended. */
  end(): void {
    this.isRunning = false;
    this.#remove();
    this.#ended.resolve();
  }
}

/** Whether an error reports that a child was killed by such a signal. */
function isSignalDeath(error: unknown): boolean {
  return error instanceof BarrierAbortedError && error.status !== undefined &&
    hasDiedOfSignal(error.status);
}

/** Whether an error reports that this side has stopped a child. */
function isDestroyed(error: unknown): boolean {
  return error instanceof BarrierAbortedError && error.kind === "destroyed";
}

/**
 * Looks for errors of some kind among an error's causes.
 *
 * @returns The errors that have no such cause. An error that has several is split into them.
 */
function unexplained(
  error: unknown,
  isOfKind: (error: unknown) => boolean,
  seen: Set<unknown> = new Set(),
): unknown[] {
  if (isOfKind(error)) return [];
  if (!(error instanceof Error) || seen.has(error)) return [error];
  seen.add(error);
  const rest = (part: unknown) => unexplained(part, isOfKind, seen);
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.flatMap(rest);
  }
  if (error instanceof SuppressedError) {
    return [error.suppressed, error.error].flatMap(rest);
  }
  return rest(error.cause).length === 0 ? [] : [error];
}

/** Prints to stderr what stopping waits for. */
function printPatience(): void {
  const labels = registeredChildren().filter((child) => child.isStopping())
    .map((child) => child.label());
  const shown = labels.slice(0, NAMES_MAX);
  const more = labels.length - shown.length;
  if (more > 0) shown.push(`${more} more`);
  const line = shown.length === 0
    ? "Waiting for the main function to end; press Ctrl-C again to exit immediately\n"
    : `Waiting for ${list(shown)} to exit; press Ctrl-C again to kill ${
      labels.length === 1 ? "it" : "them"
    }\n`;
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(line));
  } catch {
    // The terminal is closed.
  }
}

function list(names: readonly string[]): string {
  return names.length === 1
    ? names[0]!
    : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
