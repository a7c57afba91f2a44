// Copyright 2026 the @ipc/barrier authors. MIT license.

import { builtin } from "./builtin.ts";
import { signalProcess } from "./process.ts";
import { setTimeout } from "./timers.ts";
import type { ChildProcess } from "node:child_process";

/** The children whose exit was not reported yet. */
const running = new Map<
  ChildProcess,
  (status: Deno.CommandStatus) => void
>();

/**
 * Resolves to how a process exited.
 *
 * Deno has no names for real-time signals: if one of them kills a child,
 * `node:child_process` reports no exit, and its own promise rejects with
 * `TypeError: Invalid signal: 34`, which ends this program (since 1.0, not
 * reported upstream). So this looks for that rejection, and for the child that
 * no longer exists.
 *
 * Remove when Deno reports such an exit.
 */
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
  const { reason } = event;
  if (!(reason instanceof TypeError)) return;
  const number = /^Invalid signal: (\d+)$/.exec(reason.message)?.[1];
  if (number === undefined) return;
  event.preventDefault();
  // An ordinary exit may have happened, but is reported a moment later.
  setTimeout(() => {
    const status = { success: false, code: 128 + Number(number), signal: null };
    for (const child of running.keys()) {
      if (!exists(child)) return report(child, status);
    }
  });
}

/** Whether a child still runs. Programs ignore this signal unless they ask for it. */
function exists(child: ChildProcess): boolean {
  return signalProcess(child, "SIGURG");
}

/** Makes a status like Deno's from what Node reports. */
function commandStatus(
  code: number | null,
  signal: NodeJS.Signals | null,
): Deno.CommandStatus {
  if (signal === null) {
    return { success: code === 0, code: code ?? 0, signal: null };
  }
  const { signals } = builtin<typeof import("node:os")>("node:os").constants;
  return {
    success: false,
    code: 128 + signals[signal],
    signal: signal as Deno.Signal,
  };
}
