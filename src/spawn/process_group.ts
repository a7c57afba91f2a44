// Copyright 2026 the @ipc/barrier authors. MIT license.

/* The process, or the whole process group, that signals go to. */

import { signalProcess } from "../runtime/process.ts";
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
   * @throws {TypeError} If there is nobody left to send it to, or it is not a
   * signal.
   * @throws {Deno.errors.PermissionDenied} If the system refuses.
   */
  send(signal: Deno.Signal | number): void {
    if (this.isGone) throw this.#alreadyExited(signal);
    if (!this.#hasGroup && signalProcess(this.#process, signal)) return;
    try {
      if (this.#hasGroup) return Deno.kill(-this.#pid, signal);
      Deno.kill(this.#pid, NO_SIGNAL); // for the reason why it was not sent
    } catch (cause) {
      if (cause instanceof Deno.errors.PermissionDenied) {
        throw this.refused(signal, cause);
      }
      const isGone = cause instanceof Deno.errors.NotFound ||
        cause instanceof Deno.errors.NotCapable; // it may not be asked
      throw isGone ? this.#alreadyExited(signal, cause) : cause;
    }
    throw this.#alreadyExited(signal);
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

/**
 * Whether the group that an exited child had led still has members.
 *
 * The system keeps a process ID from being used again as long as a group has
 * that number. So if there is a process of that ID, the group is a stranger's.
 */
function groupExists(pid: number): boolean {
  return exists(-pid) && !exists(pid);
}

function exists(target: number): boolean {
  try {
    Deno.kill(target, NO_SIGNAL);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
