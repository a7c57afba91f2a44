// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * All that can happen to a barrier within a few calls, tried on the real one and
 * compared with the model after every step, as tokio's loom does for threads.
 *
 * A program is a list of calls. It does not stop at a wait, so that several are
 * pending together, and one of them may be canceled at any moment. A program that
 * does stop is among them: it is the one whose next call comes when the wait has
 * ended.
 *
 * There are 17 million pairs of programs of four calls, with thousands of
 * interleavings each. They need not all be run, as the two sides of a barrier
 * share nothing but two queues:
 *
 * - What one side does depends on its own calls and on what arrives between
 *   them, and on nothing else. So interleavings that differ in nothing but what
 *   happens at the other end meanwhile are the same to it, and it is enough to
 *   run each order of calls and arrivals at one side once.
 * - Every such order occurs: the other side makes all its calls first, and what
 *   it sent is delivered when it is wanted. What a side can send is some
 *   barriers, then maybe an abort, then maybe the end. That the real one sends
 *   what its model sends is compared as well.
 * - Both sides have the same rules, so one stands for both.
 *
 * No run is left out because the model was in that state before: the real
 * barrier might hide more than the model knows. What was argued here is tried in
 * turn with shorter programs, of which all pairs are run in all interleavings,
 * with both sides real.
 *
 * @module
 */

import { Barrier } from "../../barrier.ts";
import { flushMicrotasks } from "./event_loop.ts";
import { type Event, lineOf, type Message, Model, Subject } from "./model.ts";
import { setUp, type TestChannel } from "./test_channel.ts";

type Call = Exclude<Event, { arrived: Message[] }>;

/** Picks one of several ways to go on. */
type Choose = <T>(options: readonly T[]) => T;

/**
 * Runs something once for each way in which its choices can go. What it does
 * must depend on nothing else.
 *
 * @returns How many runs that were.
 */
export async function explore(
  run: (choose: Choose) => Promise<void> | void,
  log?: (line: string) => void,
): Promise<number> {
  const path: { index: number; count: number }[] = [];
  for (let runs = 1;; runs++) {
    let depth = 0;
    await run((options) => {
      const choice = path[depth] ??= { index: 0, count: options.length };
      depth++;
      return options[choice.index]!;
    });
    // The next run differs in the last choice that has an option left.
    while (path.length > 0 && ++path.at(-1)!.index === path.at(-1)!.count) {
      path.pop();
    }
    if (path.length === 0) return runs;
    if (runs % 1_000_000 === 0) log?.(`${runs} runs`);
  }
}

const CALLS: readonly Call[] = [
  { call: "place" },
  { call: "abort" },
  { call: "waitNext" },
  { call: "syncNext" },
  { call: "sync" },
  { call: "waitAbortion" },
  { call: "step" },
  { call: "destroy" },
];

/** A real barrier and its model, to which the same happens. */
class Side {
  readonly model: Model;
  readonly #subject: Subject;
  /** Its channel, where that is a test's. */
  readonly #channel: TestChannel | undefined;

  constructor(
    barriers = 0,
    { barrier, channel }: { barrier: Barrier; channel?: TestChannel } = setUp({
      barriers,
    }),
  ) {
    this.model = new Model(barriers);
    this.#subject = new Subject(barrier);
    this.#channel = channel;
  }

  /** What can be canceled. */
  get cancels(): Call[] {
    return this.model.waits.flatMap(({ outcome }, wait) =>
      outcome === "pending" ? [{ call: "cancel", wait }] : []
    );
  }

  /** Makes a call, and gives what it sends. Every other barrier has a note. */
  call(call: Call): Message[] {
    const { sent } = this.model;
    const before = sent.length;
    const event: Call = call.call === "place"
      ? { call: "place", note: noteOf(before) }
      : call;
    expect(this.#subject.apply(event), this.model.apply(event));
    return sent.slice(before);
  }

  /** Things arrive together; a channel that is closed delivers none. */
  arrive(arrived: Message[]): void {
    if (this.model.destroyed) return;
    this.model.apply({ arrived });
    if (arrived.includes("hangUp")) this.#channel?.hangUp();
    else this.#channel?.deliver(arrived.map(lineOf as () => string).join(""));
  }

  /** Compares what shows right away. */
  check(): void {
    const { iAborted, theyAborted } = this.#subject.barrier;
    expect(iAborted, this.model.iAborted);
    expect(theyAborted, this.model.theyAborted);
  }

  /** Compares all that shows when a turn is over. */
  checkTurn(): void {
    expect(this.#subject.state, this.model.state);
    if (this.#channel === undefined) return;
    const { calls, sent } = this.#channel;
    const kept = calls.findLast((call) => call.endsWith("ref")) === "ref";
    expect(kept, this.model.isWaiting);
    const lines = this.model.sent.filter((message) => message !== "hangUp");
    expect(sent, lines.map(lineOf).join(""));
    expect(calls.includes("close"), this.model.destroyed);
  }
}

function expect(actual: unknown, expected: unknown): void {
  if (actual === expected) return;
  throw new Error(`The barrier shows\n  ${actual}\nand not\n  ${expected}`);
}

/** Explores, and describes a run that fails. */
function exploreSteps(
  run: (choose: Choose, done: unknown[]) => Promise<void>,
  log?: (line: string) => void,
): Promise<number> {
  return explore(async (choose) => {
    const done: unknown[] = [];
    try {
      await run(choose, done);
    } catch (error) {
      throw new Error(`Not as the model says: ${JSON.stringify(done)}`, {
        cause: error,
      });
    }
  }, log);
}

/** The note of a barrier, by its number. */
function noteOf(number: number): string | undefined {
  return number % 2 === 0 ? `${number}` : undefined;
}

/** Options for {@linkcode checkOneSide}. */
export interface OneSideOptions {
  /** How many barriers were placed there before. */
  barriers?: number;
  /** Whether all happens in one turn of the event loop, and not one step each. */
  inOneTurn?: boolean;
  log?: (line: string) => void;
}

/**
 * Runs all programs of one side, with all that can arrive from a program of the
 * same length, in pieces of any size.
 *
 * @param length The number of calls of each program.
 * @returns How many runs that were.
 */
export function checkOneSide(
  length: number,
  { barriers = 0, inOneTurn = false, log }: OneSideOptions = {},
): Promise<number> {
  return exploreSteps(async (choose, done) => {
    const side = new Side(barriers);
    const arrived: Message[] = [];
    let hasCancelled = false;
    for (let called = 0;;) {
      const steps: (Call | Message[])[] = [
        ...called < length ? CALLS : [],
        ...hasCancelled ? [] : side.cancels,
        ...side.model.destroyed ? [] : arrivals(arrived, length, inOneTurn),
      ];
      // What one turn did shows at its end, which can be anywhere.
      const step = inOneTurn || steps.length === 0
        ? choose([undefined, ...steps])
        : choose(steps);
      if (step === undefined) break;
      done.push(step);
      if (Array.isArray(step)) {
        arrived.push(...step);
        side.arrive(step);
      } else {
        side.call(step);
        if (step.call === "cancel") hasCancelled = true;
        else called++;
      }
      side.check();
      if (inOneTurn) continue;
      await flushMicrotasks();
      side.checkTurn();
    }
    await flushMicrotasks();
    side.checkTurn();
  }, log);
}

/** What can arrive next from so many calls: one message, or several together. */
function arrivals(
  arrived: Message[],
  length: number,
  isOneByOne: boolean,
): Message[][] {
  if (arrived.includes("hangUp")) return [];
  if (arrived.includes("abortion")) return [["hangUp"]];
  const all: Message[][] = [["hangUp"]];
  const barriers: Message[] = [];
  const end = isOneByOne ? Math.min(arrived.length + 1, length) : length;
  for (let number = arrived.length; number < end; number++) {
    all.push([...barriers, "abortion"]);
    barriers.push({ note: noteOf(number) });
    all.push([...barriers]);
  }
  return all;
}

/**
 * Runs all pairs of programs on two channels, with all their interleavings: each
 * delivery is a step, and so is each turn of a side. To cancel is a call here.
 *
 * @param length The number of calls of each program.
 * @returns How many runs that were.
 */
export function checkDeliveries(
  length: number,
  log?: (line: string) => void,
): Promise<number> {
  return exploreSteps(async (choose, done) => {
    const sides = [new Side(), new Side()];
    const called = [0, 0];
    /** What is on its way to each side. */
    const queues: Message[][] = [[], []];
    while (true) {
      // Which side begins makes no difference.
      const indexes = done.length === 0 ? [0] : [0, 1];
      const steps = indexes.flatMap((index) => [
        ...queues[index]!.length > 0
          ? [{ index, step: "deliver" as const }]
          : [],
        ...called[index]! < length
          ? [...CALLS, ...sides[index]!.cancels].map((step) => ({
            index,
            step,
          }))
          : [],
      ]);
      if (steps.length === 0) return;
      const { index, step } = choose(steps);
      done.push({ index, step });
      if (step === "deliver") {
        sides[index]!.arrive([queues[index]!.shift()!]);
      } else {
        called[index]!++;
        queues[1 - index]!.push(...sides[index]!.call(step));
      }
      await flushMicrotasks();
      for (const side of sides) side.checkTurn();
    }
  }, log);
}

/**
 * Runs all pairs of programs at both ends of `Barrier.pair()`, with all their
 * interleavings: with a turn of the event loop after each call, and in one turn.
 * To cancel is a call here.
 *
 * @param length The number of calls of each program.
 * @param turnsVary Whether there are also runs with a turn after some calls.
 * @returns How many runs that were.
 */
export function checkPairs(
  length: number,
  turnsVary: boolean,
  log?: (line: string) => void,
): Promise<number> {
  return exploreSteps(async (choose, done) => {
    const sides = Barrier.pair().map((barrier) => new Side(0, { barrier }));
    const called = [0, 0];
    const hasTurns = turnsVary || choose([true, false]);
    const sent: { to: number; message: Message }[] = [];
    for (let left = 2 * length; left > 0; left--) {
      const indexes = done.length === 0 ? [0] : [0, 1];
      const index = choose(indexes.filter((index) => called[index]! < length));
      const step = choose([...CALLS, ...sides[index]!.cancels]);
      const hasTurn = left === 1 ||
        (turnsVary ? choose([true, false]) : hasTurns);
      done.push({ index, step, hasTurn });
      called[index]!++;
      for (const message of sides[index]!.call(step)) {
        sent.push({ to: 1 - index, message });
      }
      for (const side of sides) side.check();
      if (!hasTurn) continue;
      for (const { to, message } of sent.splice(0)) {
        sides[to]!.arrive([message]);
      }
      await flushMicrotasks();
      for (const side of sides) side.checkTurn();
    }
  }, log);
}
