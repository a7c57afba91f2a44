// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * One side of a storm (tests/_helpers/storm.ts): it makes the calls of a program
 * and logs each, before and after. As a process of its own it is told by its
 * first argument what to do, which is a {@linkcode SideOptions} in JSON.
 *
 * @module
 */

import type { Barrier } from "../../barrier.ts";
import { inheritBarrier } from "../../inherit.ts";
import type { WaitCall } from "../_helpers/model.ts";

/**
 * A call of a program, some milliseconds without one, or the end of the process
 * that runs it, maybe right behind barriers that it places.
 */
export type Step =
  | { call: "place"; notes: (string | null)[] }
  | { call: "abort" | "destroy" }
  | { call: WaitCall; cancelAfter?: number }
  | { pause: number }
  | { die: Death; notes: (string | null)[] };

/** How a process ends itself. */
export type Death = "SIGKILL" | "SIGTERM" | "throw" | "exit";

/** What a side is to do. */
export interface SideOptions {
  program: Step[];
  /** The file for its log. */
  log: string;
  /** A command for its child, if it is the parent, and the channel to it. */
  child?: { command: string[]; channel: "fd" | "stdio" };
}

/** What a log says of a step. It has no result if the process died within it. */
export interface Logged {
  step: Step;
  result?: unknown;
}

/**
 * Makes the calls of a program, and then takes what comes until nothing more
 * does.
 *
 * @param write Logs a line, so that it is there even if the process is killed.
 */
export async function runSide(
  barrier: Barrier,
  program: Step[],
  write: (entry: Logged) => void,
): Promise<void> {
  const iterator = barrier[Symbol.asyncIterator]();
  for (const step of program) {
    write({ step });
    if ("die" in step) {
      write({ step, result: place(barrier, step.notes) });
      await die(step.die);
    } else {
      write({ step, result: await make(barrier, iterator, step) });
    }
  }
  const step: Step = { call: "step" };
  let result: unknown;
  do {
    write({ step });
    result = await make(barrier, iterator, step);
    write({ step, result });
  } while (result !== "done");
}

function place(barrier: Barrier, notes: (string | null)[]): boolean {
  return notes.map((note) => barrier.place(note ?? undefined)).at(-1) ?? false;
}

async function make(
  barrier: Barrier,
  iterator: AsyncIterator<string | undefined>,
  step: Exclude<Step, { die: Death }>,
): Promise<unknown> {
  if ("pause" in step) {
    await new Promise((resolve) => setTimeout(resolve, step.pause));
    return true;
  }
  switch (step.call) {
    case "place": {
      const placed = place(barrier, step.notes);
      await undefined; // what one turn places is sent by the end of it
      return placed;
    }
    case "abort":
      return barrier.abort();
    case "destroy":
      barrier.destroy();
      return true;
    case "step": {
      const { done, value } = await iterator.next();
      return done ? "done" : `note ${value}`;
    }
    default: {
      const { call, cancelAfter } = step;
      if (cancelAfter === undefined) return await barrier[call]();
      const signal = AbortSignal.timeout(cancelAfter);
      return await barrier[call]({ signal }).catch(() => "cancelled");
    }
  }
}

function die(how: Death): Promise<never> {
  if (how === "exit") Deno.exit(0);
  if (how === "throw") throw new Error("as the program says");
  Deno.kill(Deno.pid, how);
  return new Promise(() => setInterval(() => {}, 1_000));
}

async function spawn(
  { command, channel }: SideOptions["child"] & object,
): Promise<Barrier> {
  const { spawnWithBarrier } = await import("../../spawn.ts");
  return spawnWithBarrier(command, { channel });
}

if (import.meta.main) {
  const { program, log, child }: SideOptions = JSON.parse(Deno.args[0]!);
  const file = Deno.openSync(log, { append: true, create: true });
  const encoder = new TextEncoder();
  const barrier = child ? await spawn(child) : await inheritBarrier();
  await runSide(barrier, program, (entry) => {
    file.writeSync(encoder.encode(`${JSON.stringify(entry)}\n`));
  });
}
