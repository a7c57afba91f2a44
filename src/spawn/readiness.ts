// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Waiting until a child is ready, with errors that name the child. */

import type { Barrier } from "../../barrier.ts";
import { BarrierAbortedError } from "../barrier/error.ts";
import { clearTimeout, setTimeout } from "../runtime/timers.ts";
import { milliseconds } from "./options.ts";

/** The options of `ready()`. */
export interface ReadyOptions {
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Waits for a child's next barrier, and resolves to its note.
 *
 * @param label What errors call the child.
 * @throws {BarrierAbortedError} If there will not be one.
 * @throws {DOMException} With the name `TimeoutError`, if it takes too long.
 */
export async function ready(
  child: Barrier,
  label: string,
  readyLine: RegExp | undefined,
  { timeout, signal }: ReadyOptions = {},
): Promise<string | undefined> {
  if (timeout !== undefined) {
    milliseconds(`Cannot wait for ${label}`, "timeout", timeout);
  }
  const timer = new AbortController();
  const timeoutId = timeout === undefined
    ? undefined
    : setTimeout(() => timer.abort(), timeout);
  try {
    const signals = signal ? [signal, timer.signal] : [timer.signal];
    const isReady = await child.waitNext({ signal: AbortSignal.any(signals) });
    if (isReady) return child.note;
  } catch (error) {
    if (error !== timer.signal.reason) throw error;
    const why = readyLine ? `: no line of its output matched ${readyLine}` : "";
    const message = `C${
      label.slice(1)
    } was not ready within ${timeout} ms${why}`;
    throw new DOMException(message, "TimeoutError");
  } finally {
    clearTimeout(timeoutId);
  }
  throw notReady(child.signal.reason, label);
}

/** Makes the error for a child that will not be ready. */
function notReady(
  error: BarrierAbortedError,
  label: string,
): BarrierAbortedError {
  const { message, kind, side, reason, status, cause } = error;
  const name = `C${label.slice(1)}`;
  return new BarrierAbortedError(
    message.startsWith(name) ? message : `${name} is not ready: ${message}`,
    {
      kind,
      side,
      reason,
      status,
      ...cause === undefined ? {} : { cause },
    },
  );
}
