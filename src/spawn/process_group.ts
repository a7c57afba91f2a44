// Copyright 2026 the @ipc/barrier authors. MIT license.

/* The process, or the whole process group, that signals go to. */

import { signalNumbers } from "../runtime/exit.ts";
import { signalProcess } from "../runtime/process.ts";
import { shownWithoutSecrets } from "./errors.ts";
import type { ChildProcess } from "node:child_process";

/** Signal 0 only checks whether a process exists. */
const NO_SIGNAL = 0;

/** Sends signals to a child, or to the process group that it leads. */
export class SignalTarget {
  readonly #process: ChildProcess;
  readonly #pid: number;
  /** How errors begin: "Cannot send SIGTERM to child process 4711 (sh)". */
  readonly #label: string;
  readonly #hasGroup: boolean;
  #hasExited = false;
  #groupIsGone = false;

  /**
   * @param process The child.
   * @param label What errors call the child.
   * @param hasGroup Whether the child leads a process group of its own.
   */
  constructor(process: ChildProcess, label: string, hasGroup: boolean) {
    this.#process = process;
    this.#pid = process.pid!;
    this.#label = label;
    this.#hasGroup = hasGroup;
  }

  /** The child has exited. Looks immediately whether its group still exists. */
  onExit(): void {
    this.#hasExited = true;
    void this.isGone;
  }

  /** Whether the child has exited and its group, if it has one, is empty. */
  get isGone(): boolean {
    if (!this.#hasExited) return false;
    // A group that was once gone is never looked for again: the system may have
    // given its number to another group.
    this.#groupIsGone ||= !this.#hasGroup || !groupExists(this.#pid);
    return this.#groupIsGone;
  }

  /**
   * Sends a signal.
   *
   * @throws {TypeError} If the process has already exited, or it is not a
   * signal.
   * @throws {Deno.errors.PermissionDenied} If the system refuses.
   * @throws {Deno.errors.NotCapable} If this process may no longer signal the
   * group.
   */
  send(signal: Deno.Signal | number): void {
    if (!isSignal(signal)) {
      throw new TypeError(
        `Cannot signal ${this.#label}: the signal must be the name or the number of one, received ${
          shownWithoutSecrets(signal)
        }; pass a name such as "SIGTERM"`,
      );
    }
    if (this.isGone) throw this.#alreadyExited(signal);
    if (this.#hasGroup) this.#sendToGroup(signal);
    else if (signal !== NO_SIGNAL) this.#sendToProcess(signal);
  }

  #sendToGroup(signal: Deno.Signal | number): void {
    if (!maySignal()) {
      if (signal !== NO_SIGNAL) signalProcess(this.#process, signal);
      throw new Deno.errors.NotCapable(
        `${
          this.#failure(signal)
        }: this process no longer has run access to all programs, so its group was left alone; do not revoke that permission while the group runs`,
      );
    }
    try {
      Deno.kill(-this.#pid, signal);
    } catch (cause) {
      throw this.#unsent(signal, cause);
    }
  }

  #sendToProcess(signal: Deno.Signal | number): void {
    if (signalProcess(this.#process, signal)) return;
    if (!maySignal()) {
      throw this.#alreadyExited(signal, new Deno.errors.NotCapable());
    }
    try {
      Deno.kill(this.#pid, NO_SIGNAL); // for the reason why it was not sent
    } catch (cause) {
      throw this.#unsent(signal, cause);
    }
    throw this.#alreadyExited(signal);
  }

  #unsent(signal: Deno.Signal | number, cause: unknown): unknown {
    if (cause instanceof Deno.errors.PermissionDenied) {
      return this.refused(signal, cause);
    }
    return cause instanceof Deno.errors.NotFound
      ? this.#alreadyExited(signal, cause)
      : cause;
  }

  /** Makes the error for a signal that the system refuses to send. */
  refused(signal: Deno.Signal | number, cause: unknown): Error {
    return new Deno.errors.PermissionDenied(
      `${
        this.#failure(signal)
      }: the system denies permission; run as the child's user or as root`,
      { cause },
    );
  }

  #alreadyExited(signal: Deno.Signal | number, cause?: unknown): TypeError {
    return new TypeError(
      `${this.#failure(signal)}: it has already exited`,
      cause === undefined ? {} : { cause },
    );
  }

  #failure(signal: Deno.Signal | number): string {
    return `Cannot send ${signal} to ${this.#label}`;
  }
}

function isSignal(value: unknown): boolean {
  const numbers = signalNumbers();
  return typeof value === "string"
    ? Object.hasOwn(numbers, value)
    : value === NO_SIGNAL ||
      Object.values(numbers).some((number) => number === value);
}

/** Whether this process may signal any other, without asking the user. */
function maySignal(): boolean {
  return Deno.permissions.querySync({ name: "run" }).state === "granted";
}

/**
 * Whether the group that an exited child had led still has members, as far as
 * this process may look.
 *
 * The system keeps a process ID from being used again as long as a group has
 * that number. So if there is a process of that ID, the group is a stranger's.
 */
function groupExists(pid: number): boolean {
  return !maySignal() || (exists(-pid) && !exists(pid));
}

function exists(target: number): boolean {
  try {
    Deno.kill(target, NO_SIGNAL);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
