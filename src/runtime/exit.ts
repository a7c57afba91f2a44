// Copyright 2026 the @ipc/barrier authors. MIT license.

import { builtin } from "./builtin.ts";
import type { AsyncLocalStorage } from "node:async_hooks";
import type { ChildProcess } from "node:child_process";

/** The children whose exit was not reported yet. */
const running = new Map<
  ChildProcess,
  (status: Deno.CommandStatus) => void
>();

/** The child that was started in the current asynchronous context. */
let context: AsyncLocalStorage<{ child?: ChildProcess }> | undefined;

/**
 * Starts a child so that `exitOf()` notices its exit whatever signal killed it.
 *
 * Deno has no names for real-time signals: if one of them kills a child,
 * `node:child_process` reports no exit, and a promise of its own rejects with
 * `TypeError: Invalid signal: 34`, which ends this program (since 1.0, not
 * reported upstream). The asynchronous context shows whose promise that is.
 *
 * Remove when Deno reports such an exit.
 */
export function startNoticed(start: () => ChildProcess): ChildProcess {
  const { AsyncLocalStorage } = builtin<typeof import("node:async_hooks")>(
    "node:async_hooks",
  );
  context ??= new AsyncLocalStorage();
  const started: { child?: ChildProcess } = {};
  return started.child = context.run(started, start);
}

/** Resolves to how a child exited that `startNoticed()` has started. */
export function exitOf(child: ChildProcess): Promise<Deno.CommandStatus> {
  return new Promise((resolve) => {
    if (running.size === 0) {
      addEventListener("unhandledrejection", onUnhandledRejection);
    }
    running.set(child, resolve);
    child.once("exit", (code, signal) => {
      report(child, commandStatus(code, signal));
    });
  });
}

function report(child: ChildProcess, status: Deno.CommandStatus): void {
  running.get(child)?.(status);
  running.delete(child);
  if (running.size > 0) return;
  removeEventListener("unhandledrejection", onUnhandledRejection);
}

function onUnhandledRejection(event: PromiseRejectionEvent): void {
  const child = context?.getStore()?.child;
  if (child === undefined || !running.has(child)) return;
  const number = /^Invalid signal: (\d+)$/.exec(event.reason?.message)?.[1];
  if (number === undefined) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const code = 128 + Number(number);
  report(child, { success: false, code, signal: null });
}

/** Makes a status like Deno's from what Node reports. */
function commandStatus(
  code: number | null,
  signal: NodeJS.Signals | null,
): Deno.CommandStatus {
  if (signal === null) {
    return { success: code === 0, code: code ?? 0, signal: null };
  }
  return {
    success: false,
    code: 128 + signalNumbers()[signal]!,
    signal: signal as Deno.Signal,
  };
}

/** Returns the names of this system's signals, with their numbers. */
export function signalNumbers(): Readonly<Record<string, number>> {
  return builtin<typeof import("node:os")>("node:os").constants.signals;
}
