// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * One side of a storm (tests/_helpers/storm.ts): it makes the calls of a program
 * and logs each, before and after. As a process of its own it is directed by its
 * first argument what to do, which is a {@linkcode SideOptions} in JSON.
 *
 * @module
 */

import type { Barrier } from "../../barrier.ts";
import { inheritBarrier } from "../../inherit.ts";
import type { WaitCall } from "../_helpers/model.ts";

/**
 * A call of a program, some milliseconds without one, or the end of the process
 * that runs it, maybe right after barriers that it places.
 */
export type Step =
  | { call: "place"; notes: (string | null)[] }
  | { call: "abort" | "destroy" | "signal" }
  | WaitStep
  | { pause: number }
  | { die: Death; notes: (string | null)[] };

/** A wait. The program goes on when it has ended or, in the background, immediately. */
export interface WaitStep {
  call: WaitCall;
  cancelAfter?: number;
  isBackground?: boolean;
}

/** How a process ends itself. */
export type Death = "SIGKILL" | "SIGTERM" | "throw" | "exit";

/** What a side does. */
export interface SideOptions {
  program: Step[];
  /** The file for its log. */
  log: string;
  /** Its child, if it is the parent. */
  child?: {
    command: readonly string[];
    channel: "fd" | "stdio";
    /** Where to note the other children, which outlive it, if it has some. */
    sleepers?: string | undefined;
  };
}

/** A line of a log. The steps that began are numbered from 0. */
export type Logged =
  | { began: Step }
  /** The wait of a step is about to be canceled. */
  | { cancels: number }
  | { ended: number; result: unknown; shown: Shown }
  /** The program has come to its end, and so has every wait. */
  | { finished: true };

/** What a barrier shows of itself. */
export interface Shown {
  iAborted: boolean;
  theyAborted: boolean;
  note?: string | undefined;
}

/** Makes the calls of a program. */
export class Side {
  readonly #barrier: Barrier;
  readonly #write: (line: Logged) => void;
  #steps = 0;

  /**
   * @param write Writes a line of the log, so that it is there even if the process
   * is killed.
   */
  constructor(barrier: Barrier, write: (line: Logged) => void) {
    this.#barrier = barrier;
    this.#write = write;
  }

  /** Runs a program, and then takes what comes until nothing more does. */
  async run(program: Step[]): Promise<void> {
    const background: Promise<unknown>[] = [];
    for (const step of program) {
      const ended = this.#make(step);
      if ("isBackground" in step) background.push(ended);
      else await ended;
    }
    while (await this.#make({ call: "step" }) !== "done");
    await Promise.all(background);
    this.#write({ finished: true });
  }

  async #make(step: Step): Promise<unknown> {
    const number = this.#steps++;
    this.#write({ began: step });
    if ("die" in step) {
      this.#end(number, this.#place(step.notes));
      return await die(step.die); // in the same turn
    }
    const result = await this.#call(step, number);
    this.#end(number, result);
    return result;
  }

  #end(number: number, result: unknown): void {
    const { iAborted, theyAborted, note } = this.#barrier;
    const shown = { iAborted, theyAborted, note };
    this.#write({ ended: number, result, shown });
  }

  #place(notes: (string | null)[]): boolean {
    return notes.map((note) => this.#barrier.place(note ?? undefined))
      .every(Boolean);
  }

  /** The result is awaited, as what is placed is sent by the end of the turn. */
  #call(step: Exclude<Step, { die: Death }>, number: number): unknown {
    if ("pause" in step) {
      return new Promise((resolve) => setTimeout(resolve, step.pause, true));
    }
    switch (step.call) {
      case "place":
        return this.#place(step.notes);
      case "abort":
        return this.#barrier.abort();
      case "destroy":
        return void this.#barrier.destroy();
      case "signal":
        return this.#barrier.signal.aborted;
      default:
        return this.#wait(step, number);
    }
  }

  async #wait({ call, cancelAfter }: WaitStep, number: number) {
    const { wait, cancel } = call === "step" ? this.#step() : this.#plain(call);
    const timer = cancelAfter === undefined ? undefined : setTimeout(() => {
      this.#write({ cancels: number });
      cancel();
    }, cancelAfter);
    const result = await wait;
    clearTimeout(timer);
    return result;
  }

  #step(): { wait: Promise<string>; cancel: () => void } {
    const iterator = this.#barrier[Symbol.asyncIterator]();
    return {
      wait: iterator.next().then(({ done, value }) =>
        done ? "done" : `note ${value}`
      ),
      cancel: () => void iterator.return!(),
    };
  }

  #plain(call: Exclude<WaitCall, "step">) {
    const controller = new AbortController();
    return {
      wait: this.#barrier[call]({ signal: controller.signal })
        .catch((reason) => reason),
      cancel: () => controller.abort("cancelled"),
    };
  }
}

/** Writes the lines of a log to a file. */
export function logTo(file: Deno.FsFile): (line: Logged) => void {
  const encoder = new TextEncoder();
  return (line) => {
    file.writeSync(encoder.encode(`${JSON.stringify(line)}\n`));
  };
}

function die(how: Death): Promise<never> {
  if (how === "exit") Deno.exit(0);
  if (how === "throw") throw new Error("as the program says");
  Deno.kill(Deno.pid, how);
  return new Promise(() => setInterval(() => {}, 1_000));
}

async function spawn(
  { command, channel, sleepers }: SideOptions["child"] & object,
): Promise<Barrier> {
  const { spawnWithBarrier } = await import("../../spawn.ts");
  const sleep = (): number => {
    const sleeping = spawnWithBarrier(["sleep", "1000"], { cwd: "/" });
    sleeping.unref();
    return sleeping.pid;
  };
  // One may have inherited what is open before it, the other what comes after.
  const before = sleepers && sleep();
  const child = spawnWithBarrier(command, { channel });
  if (sleepers) {
    Deno.writeTextFileSync(sleepers, `${before} ${sleep()}\n`, {
      append: true,
    });
  }
  return child;
}

if (import.meta.main) {
  const { program, log, child }: SideOptions = JSON.parse(Deno.args[0]!);
  const file = Deno.openSync(log, { append: true, create: true });
  const barrier = child ? await spawn(child) : await inheritBarrier();
  await new Side(barrier, logTo(file)).run(program);
}
