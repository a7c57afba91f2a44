// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Stopping a child: time to exit by itself, a signal, then SIGKILL. */

import { now, setTimeout, within } from "../runtime/timers.ts";
import type { Plan } from "./options.ts";
import type { SignalTarget } from "./process_group.ts";
import { isInterrupted } from "./signals.ts";

/**
 * How long, in milliseconds, stopping a child may take beyond its grace periods:
 * for the rest of a group after SIGKILL, and for output that is not written yet.
 */
const LAST_GRACE = 500;

/**
 * The least time, in milliseconds, that a child has to exit after the terminal
 * has sent it the same Ctrl-C, because many treat a second signal as "now".
 */
const INTERRUPT_GRACE = 1_000;

/** How often, in milliseconds, to look whether a process group is empty. */
const GROUP_POLL = 10;

/** What stopping a child needs to know of it. */
export interface Stoppable {
  readonly target: SignalTarget;
  /** Resolves when the child has exited. */
  readonly exited: Promise<unknown>;
  /** Hangs up, which asks a child that uses its barrier to exit. */
  hangUp(): void;
  /** Writes the output of a child that is gone, with its process group. */
  finish(): Promise<unknown>;
}

/**
 * Stops a child. It takes at most the two grace periods and half a second, once
 * the child has exited.
 *
 * @throws {Deno.errors.PermissionDenied} If a signal may not be sent.
 */
export async function stop(
  child: Stoppable,
  plan: Pick<
    Plan,
    "exitGracePeriod" | "stopSignal" | "stopGracePeriod" | "processGroup"
  >,
): Promise<void> {
  const { stopSignal, stopGracePeriod } = plan;
  const exitGracePeriod = isInterrupted() && !plan.processGroup
    ? Math.max(plan.exitGracePeriod, INTERRUPT_GRACE)
    : plan.exitGracePeriod;
  const deadline = now() + exitGracePeriod + stopGracePeriod + LAST_GRACE;
  child.hangUp();
  if (!await isGoneWithin(exitGracePeriod, child)) {
    await sendIfThere(stopSignal, child);
    // A process that is suspended acts on no other signal.
    if (Deno.build.os !== "windows") await sendIfThere("SIGCONT", child);
    if (!await isGoneWithin(stopGracePeriod, child)) {
      await sendIfThere("SIGKILL", child);
      await isGoneWithin(LAST_GRACE, child);
    }
  }
  await child.exited;
  // If a reader of this process's stdout has stopped reading, the time that the
  // child did not need is not spent on it.
  const left = Math.min(deadline - now(), stopGracePeriod + LAST_GRACE);
  await within(Math.max(0, left), child.finish(), { persistent: true });
}

/** Waits until a child and its process group are gone, but at most for the time. */
async function isGoneWithin(
  ms: number,
  { target, exited }: Stoppable,
): Promise<boolean> {
  const deadline = now() + ms;
  if (ms > 0) await within(ms, exited, { persistent: true });
  // No event reports that the rest of a group has exited.
  while (!target.isGone && now() < deadline) {
    await new Promise<void>((resolve) => setTimeout(resolve, GROUP_POLL));
  }
  return target.isGone;
}

async function sendIfThere(
  signal: Deno.Signal,
  { target, exited }: Stoppable,
): Promise<void> {
  if (target.isGone) return;
  try {
    target.send(signal);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    if (!(error.cause instanceof Deno.errors.NotCapable)) return;
    // Either the child has exited, or the system has refused the signal. This
    // process is not allowed to find out which.
    let hasExited = false;
    const noticed = exited.then(() => hasExited = true);
    await within(LAST_GRACE, noticed, { persistent: true });
    if (!hasExited) throw target.refused(signal, error);
  }
}
