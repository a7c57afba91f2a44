// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Stops children when a signal, `Deno.exit()` or a restart by `--watch` ends this
 * process.
 *
 * The signal listeners exist only while they are needed: while a child with
 * `endWithParent` or a main function runs.
 */

import type { ExitStatus } from "../barrier/error.ts";
import { restartGrace } from "../runtime/watch.ts";
import { EventLoopReference, now, within } from "../runtime/timers.ts";

/** A signal that asks this process to end. */
export type EndSignal = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGBREAK";

const SIGNALS: readonly EndSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
const WINDOWS_SIGNALS: readonly EndSignal[] = ["SIGINT", "SIGBREAK"];

const NUMBERS: Record<EndSignal, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGTERM: 15,
  SIGBREAK: 21,
};

/**
 * How long, in milliseconds, further signals count as the first one. `deno task`
 * and `npm run` repeat a Ctrl-C that the terminal has sent already, `--watch`
 * adds a SIGTERM, and a terminal that is closed sends SIGHUP twice.
 */
const REPEAT_MAX = 200;

/** How long, in milliseconds, this process may take to die of a signal. */
const DEATH_GRACE = 500;

/** How many times to look for children that were started during the stopping. */
const ROUNDS = 3;

/** A child, as far as the end of this process concerns it. */
export interface Stoppable {
  /** What messages call it. */
  label(): string;
  /** Whether it was asked to exit. */
  isStopping(): boolean;
  /** Stops it as `await using` does. */
  stop(): Promise<void>;
  /**
   * Sends it `stopSignal` while this process exits. This process cannot wait for
   * it any more, so it must be left to stop by itself.
   */
  signalStop(): void;
  /** Sends it SIGKILL. */
  kill(): void;
}

/** A main function that runs, and can be asked to end. */
export interface Main {
  /** Resolves when the function has ended. */
  readonly ended: Promise<unknown>;
  /** Asks the function to end. */
  onSignal(signal: EndSignal): void;
}

/** Where all copies of this module find what they wait for. */
const STOPPING = Symbol.for("@ipc/barrier stopping");

/** Children that this process waits for, and whether they end with it. */
const children = new Map<Stoppable, boolean>();
const mains = new Set<Main>();

/** The first signal, when it arrived, and which children a second one kills. */
let received:
  | { signal: EndSignal; at: number; doomed: () => Stoppable[] }
  | undefined;

/** Whether the listeners have been added. */
let isListening = false;

/**
 * Registers a child that runs and that keeps this process alive.
 *
 * @param endsWithParent Whether it is stopped when this process ends.
 * @returns A function that removes it. Call it when the child has exited, and
 * when it no longer keeps this process alive.
 */
export function registerChild(
  child: Stoppable,
  endsWithParent: boolean,
): () => void {
  children.set(child, endsWithParent);
  update();
  return () => {
    children.delete(child);
    update();
  };
}

/** The children that {@linkcode registerChild} has registered. */
export function registeredChildren(): Stoppable[] {
  return [...children.keys()];
}

/**
 * Registers a main function, which then decides when children are stopped.
 *
 * @returns A function that removes it.
 */
export function registerMain(main: Main): () => void {
  mains.add(main);
  update();
  if (received !== undefined) main.onSignal(received.signal);
  return () => {
    mains.delete(main);
    update();
  };
}

/**
 * Whether this process is about to die of a signal that a terminal sends to all
 * its programs. A child without a process group of its own has received it, too.
 */
export function isInterrupted(): boolean {
  return received !== undefined && received.signal !== "SIGTERM";
}

/** Whether a process has died of a signal that asks it to end. */
export function hasDiedOfSignal({ signal, code }: ExitStatus): boolean {
  return signal === null
    ? Object.values(NUMBERS).includes(code - 128)
    : Object.hasOwn(NUMBERS, signal);
}

/** The children that end with this process. */
function endingChildren(): Stoppable[] {
  return registeredChildren().filter((child) => children.get(child));
}

/** The signals to listen for. A function, because importing this must work without Deno. */
function signals(): readonly EndSignal[] {
  return Deno.build.os === "windows" ? WINDOWS_SIGNALS : SIGNALS;
}

/** Adds or removes the listeners. */
function update(): void {
  // Until this process dies, a second signal must find its listener.
  if (received !== undefined) return;
  const isNeeded = mains.size > 0 || endingChildren().length > 0;
  if (isNeeded === isListening) return;
  isListening = isNeeded;
  if (isNeeded) {
    for (const signal of signals()) {
      Deno.addSignalListener(signal, LISTENERS[signal]);
    }
    globalThis.addEventListener("unload", onUnload);
  } else {
    removeSignalListeners();
    globalThis.removeEventListener("unload", onUnload);
  }
}

function removeSignalListeners(): void {
  for (const signal of signals()) {
    Deno.removeSignalListener(signal, LISTENERS[signal]);
  }
}

const LISTENERS: Record<EndSignal, () => void> = {
  SIGINT: () => onSignal("SIGINT"),
  SIGTERM: () => onSignal("SIGTERM"),
  SIGHUP: () => onSignal("SIGHUP"),
  SIGBREAK: () => onSignal("SIGBREAK"),
};

function onSignal(signal: EndSignal): void {
  if (received === undefined) {
    const doomed = mains.size > 0 ? registeredChildren : endingChildren;
    received = { signal, at: now(), doomed };
    end();
  } else if (now() - received.at > REPEAT_MAX) {
    for (const child of received.doomed()) attempt(() => child.kill());
    die(signal);
  } else if (received.signal === "SIGTERM") {
    received.signal = signal; // the one that `--watch` has added came first
  }
}

/** Ends children and then this process, because of a signal. */
async function end(): Promise<void> {
  new EventLoopReference().hold(true);
  if (mains.size === 0) silenceErrors();
  const stopping = stoppingCopies();
  stopping.push(endChildren());
  // All copies get the signal in the same turn.
  await undefined;
  await Promise.all(stopping);
  const { signal, at } = received!;
  if (signal === "SIGTERM") await sleep(at + restartGrace() - now());
  await die(received!.signal);
}

/**
 * Returns what every copy of this module waits for in this program, which can have
 * several versions of it. The first to die would end the others as well.
 */
function stoppingCopies(): Promise<void>[] {
  const shared = globalThis as { [STOPPING]?: Promise<void>[] };
  return shared[STOPPING] ??= [];
}

/** Ends the main functions, and then the children that are left. */
async function endChildren(): Promise<void> {
  for (const main of mains) main.onSignal(received!.signal);
  while (mains.size > 0) {
    await Promise.all(Array.from(mains, ({ ended }) => ended));
  }
  const stopped = new Set<Stoppable>();
  for (let round = 0; round < ROUNDS; round++) {
    const others = endingChildren().filter((child) => !stopped.has(child));
    others.forEach((child) => stopped.add(child));
    await Promise.allSettled(others.map(async (child) => await child.stop()));
  }
  for (const child of endingChildren()) attempt(() => child.kill());
}

/**
 * Lets this process die of a signal, so that its parent sees the signal. If another
 * listener prevents that, it exits with the code that a shell uses.
 */
async function die(signal: EndSignal): Promise<void> {
  removeSignalListeners();
  if (Deno.build.os !== "windows") {
    attempt(() => Deno.kill(Deno.pid, signal));
    await sleep(DEATH_GRACE);
  }
  Deno.exit(128 + NUMBERS[signal]);
}

/**
 * Keeps errors from ending this process while its children are being stopped.
 * Most of them are consequences of the stopping, and the process dies anyway.
 */
function silenceErrors(): void {
  const silence = (event: Event) => event.preventDefault();
  globalThis.addEventListener("error", silence);
  globalThis.addEventListener("unhandledrejection", silence);
}

/** At `Deno.exit()`, and when `--watch` restarts this program. */
function onUnload(): void {
  for (const child of endingChildren()) attempt(() => child.signalStop());
}

/** Sends a signal, and ignores a failure. */
function attempt(send: () => void): void {
  try {
    send();
  } catch {
    // The process has exited, or the system denies permission.
  }
}

async function sleep(ms: number): Promise<void> {
  if (ms > 0) await within(ms, new Promise(() => {}), { persistent: true });
}
