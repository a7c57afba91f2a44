// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Replays what systemd's `barrier.c` did on two sides of a barrier, wherever
 * those are. `../testdata/README.md` describes the format of the traces. A child
 * process may import this: it needs no import map.
 *
 * @module
 */

import type { Barrier } from "../../barrier.ts";

/** A call, by its letter in the traces; "x" is the exit. */
export type Call = "p" | "a" | "n" | "A" | "s" | "S" | "x";

/** What one side of a barrier shows. */
export interface Report {
  /** The result of the last call; "b" while that is a wait that blocks. */
  result: "t" | "f" | "b";
  /**
   * "-" for none, "I" for `iAborted`, "T" for `theyAborted`, "W" for both, and
   * anything else if the flags contradict each other.
   */
  flags: string;
}

/** One side of a barrier, in this process or in another. */
export interface Side {
  /**
   * Makes a call. It returns when the call was made, not when a wait has ended;
   * and for an exit, when this side is gone. At the end of a trace, an exit may
   * come while a wait blocks.
   */
  call(call: Call): void | Promise<void>;
  /** Returns the result of the last call; called once the step has settled. */
  report(): Report | Promise<Report>;
}

/** One recorded run. */
export interface Trace {
  /** Its line in the file. */
  line: number;
  steps: Step[];
}

/** A call of one side, and what both sides show when it has settled. */
export interface Step {
  side: "P" | "C";
  call: Call;
  /** The step as the file has it. */
  text: string;
}

const STEP = /^([PC])([panAsSx])=[tfb-](?:,[tf])?\/[-ITWbx]{2}$/;

/** Reads every so many'th trace of the record, which has one a line. */
export async function readTraces(nth = 1): Promise<Trace[]> {
  const text = await Deno.readTextFile(
    new URL("../testdata/barrier-traces.txt", import.meta.url),
  );
  const traces = parseTraces(text);
  if (traces.length !== 3_000) {
    throw new Error(`Expected 3,000 traces, read ${traces.length}`);
  }
  return traces.filter(({ line }) => line % nth === 0);
}

function parseTraces(text: string): Trace[] {
  return text.trimEnd().split("\n").map((line, index) => ({
    line: index + 1,
    steps: line.split(" ").map((text) => {
      const match = STEP.exec(text);
      if (match === null) {
        throw new SyntaxError(
          `Cannot parse "${text}" in line ${index + 1}: it is no step`,
        );
      }
      return { side: match[1] as "P" | "C", call: match[2] as Call, text };
    }),
  }));
}

/**
 * Makes the calls of a trace one after the other, and compares every result,
 * every wait that a step ended or left alone, and every flag with the record.
 * Both sides have exited when it returns.
 *
 * @param settle Returns when all that the last call sent has arrived.
 */
export async function replay(
  trace: Trace,
  parent: Side,
  child: Side,
  settle: () => Promise<void>,
): Promise<void> {
  const players = { P: new Player(parent), C: new Player(child) };
  try {
    for (const [index, { side, call, text }] of trace.steps.entries()) {
      const self = players[side];
      const other = players[side === "P" ? "C" : "P"];
      const waited = other.result === "b";
      await self.call(call);
      await settle();
      await self.look();
      await other.look();
      const woken = waited && other.result !== "b" ? `,${other.result}` : "";
      const states = players.P.state + players.C.state;
      const got = `${side}${call}=${self.result}${woken}/${states}`;
      if (got !== text) {
        throw new Error(
          `Line ${trace.line}, step ${index + 1}: expected ${text}, got ${got}`,
        );
      }
    }
  } finally {
    if (!players.P.exited) await parent.call("x");
    if (!players.C.exited) await child.call("x");
  }
}

/** A side, and what it shows in the notation of the traces. */
class Player {
  readonly #side: Side;
  #flags = "-";
  exited = false;
  result = "-";
  state = "-";

  constructor(side: Side) {
    this.#side = side;
  }

  async call(call: Call): Promise<void> {
    this.exited = call === "x";
    await this.#side.call(call);
  }

  async look(): Promise<void> {
    if (this.exited) {
      this.result = "-";
      this.state = "x";
      return;
    }
    const { result, flags } = await this.#side.report();
    this.result = result;
    if (result !== "b") {
      this.state = this.#flags = flags;
    } else {
      // The record does not show the flags of a side that blocks: they stay.
      this.state = flags === this.#flags ? "b" : `b(${flags})`;
    }
  }
}

/** A side that is a barrier of this process. */
export class BarrierSide implements Side {
  readonly #barrier: Barrier;
  #result: Report["result"] = "f";

  constructor(barrier: Barrier) {
    this.#barrier = barrier;
  }

  call(call: Call): void {
    switch (call) {
      case "p":
        return this.#end(this.#barrier.place());
      case "a":
        return this.#end(this.#barrier.abort());
      case "n":
        return this.#wait(this.#barrier.waitNext());
      case "A":
        return this.#wait(this.#barrier.waitAbortion());
      case "s":
        return this.#wait(this.#barrier.syncNext());
      case "S":
        return this.#wait(this.#barrier.sync());
      case "x":
        return this.#barrier.destroy();
    }
  }

  report(): Report {
    const { iAborted, theyAborted, weAborted, isAborted } = this.#barrier;
    const flags = iAborted ? theyAborted ? "W" : "I" : theyAborted ? "T" : "-";
    const agree = weAborted === (flags === "W") &&
      isAborted === (flags !== "-");
    return { result: this.#result, flags: agree ? flags : `${flags}!` };
  }

  #end(result: boolean): void {
    this.#result = result ? "t" : "f";
  }

  #wait(wait: Promise<boolean>): void {
    this.#result = "b";
    wait.then((result) => this.#end(result));
  }
}
