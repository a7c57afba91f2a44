// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Runs `SharedCompletion` in every interleaving that a few threads can have,
 * one operation on the shared memory at a time.
 *
 * The code is the library's own, only `Atomics` is replaced. Code cannot be held
 * between two operations, so a thread is run again from its start for each: the
 * operations it has done give what they gave before, and the first new one ends
 * the run and reports what the thread is about to do. That depends on nothing but
 * what the thread has seen, so two ways to the same memory, the same sleepers
 * and the same sights go on alike. Each such state is entered once, and still
 * every interleaving is covered, and counted.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { delay } from "@std/async";
import { SharedCompletion } from "../completion.ts";
import { EventLoopReference } from "../src/runtime/timers.ts";

/** What came of a wait: a promise, or whether a completion was taken. */
type Wait = Promise<void> | boolean;

/** Makes the tasks of a thread's event loop, one to run after the other. */
type Program = (
  completion: SharedCompletion,
  report: (wait: Wait) => void,
) => (() => void)[];

/** An operation on the shared memory that a thread is about to do. */
interface Operation {
  name: "load" | "store" | "compareExchange" | "notify" | "wait" | "waitAsync";
  args: number[];
}

/**
 * What a thread sees: the result of an operation, or that its event loop runs
 * the next task or wakes the sleeper of that number.
 */
type Sight =
  | number
  | "ok"
  | "not-equal"
  | "timed-out"
  | "task"
  | `wake ${number}`;

/** What a thread does when it has seen so much. */
interface Progress {
  /** What it is about to do, unless its event loop is idle. */
  operation: Operation | undefined;
  /** How many tasks it has not begun. */
  tasks: number;
  /** How often it has gone to sleep in `waitAsync`. */
  naps: number;
}

/** Runs a program as far as `seen` goes. */
function replay(
  program: Program,
  seen: Sight[],
  report: (wait: Wait) => void = () => {},
): Progress {
  let position = 0;
  let operation: Operation | undefined;
  const wakes: (() => void)[] = [];
  const perform =
    (name: Operation["name"]) => (_memory: Int32Array, ...args: number[]) => {
      if (position < seen.length) return seen[position++];
      operation ??= { name, args };
      throw operation;
    };
  const waitAsync = perform("waitAsync");

  const { Atomics } = globalThis;
  const { hold } = EventLoopReference.prototype;
  EventLoopReference.prototype.hold = () => {}; // no event loop runs here
  Object.assign(globalThis, {
    Atomics: {
      load: perform("load"),
      store: perform("store"),
      compareExchange: perform("compareExchange"),
      notify: perform("notify"),
      wait: perform("wait"),
      waitAsync: (memory: Int32Array, ...args: number[]) => {
        const value = waitAsync(memory, ...args);
        if (value !== "ok") return { async: false, value };
        const then = (wake: () => void) => wakes.push(wake);
        return { async: true, value: { then } };
      },
    },
  });
  try {
    const tasks = program(new SharedCompletion(), (wait) => {
      if (wait instanceof Promise) wait.catch(() => {});
      if (operation === undefined) report(wait);
    });
    while (position < seen.length) {
      const sight = String(seen[position++]);
      try {
        if (sight === "task") tasks.shift()!();
        else wakes[Number(sight.slice("wake ".length))]!();
      } catch (error) {
        if (operation === undefined) throw error;
      }
    }
    return { operation, tasks: tasks.length, naps: wakes.length };
  } finally {
    Object.assign(globalThis, { Atomics });
    EventLoopReference.prototype.hold = hold;
  }
}

/** A thread that has seen so much. */
class Thread {
  static #count = 0;
  readonly id = Thread.#count++;
  readonly progress: Progress;
  readonly program: Program;
  readonly #seen: Sight[];
  readonly #next = new Map<Sight, Thread>();
  #outcome: Promise<{ taken: number; pending: number }> | undefined;

  constructor(program: Program, seen: Sight[] = []) {
    this.program = program;
    this.#seen = seen;
    this.progress = replay(program, seen);
  }

  see(sight: Sight): Thread {
    let next = this.#next.get(sight);
    if (next === undefined) {
      next = new Thread(this.program, [...this.#seen, sight]);
      this.#next.set(sight, next);
    }
    return next;
  }

  /** How many of its waits have taken a completion, and how many go on. */
  outcome(): Promise<{ taken: number; pending: number }> {
    return this.#outcome ??= this.#settle();
  }

  async #settle(): Promise<{ taken: number; pending: number }> {
    const waits: Wait[] = [];
    replay(this.program, this.#seen, (wait) => waits.push(wait));
    let taken = 0;
    // A thread that is blocked has not come to report its wait.
    let pending = this.progress.operation === undefined ? 0 : 1;
    for (const wait of waits) {
      if (typeof wait === "boolean") {
        if (wait) taken++;
        continue;
      }
      pending++;
      wait.then(() => taken++, () => {}).finally(() => pending--);
    }
    await delay(0);
    return { taken, pending };
  }
}

/** One who sleeps in the engine's queue. */
interface Sleeper {
  thread: number;
  /** Which of the thread's naps it is, or none if the thread is blocked. */
  nap?: number;
}

/** All threads, and what they share, at one moment. */
interface State {
  counter: number;
  threads: Thread[];
  queue: Sleeper[];
  /** Who was woken, and whose event loop has not come to it. */
  woken: Sleeper[];
  /** The threads that were terminated. The engine may still wake them. */
  terminated: number[];
}

function see(state: State, index: number, sight: Sight): State {
  const thread = state.threads[index]!.see(sight);
  return { ...state, threads: state.threads.with(index, thread) };
}

/** What can happen next, which is one step of one thread. */
function* successors(state: State): Generator<State> {
  for (const [index, { progress, program }] of state.threads.entries()) {
    if (state.terminated.includes(index)) continue;
    if (program === isTerminated) {
      yield { ...state, terminated: [...state.terminated, index] };
    }
    const { operation, tasks } = progress;
    const blocked = state.queue.find(
      ({ thread, nap }) => thread === index && nap === undefined,
    );
    if (blocked !== undefined) {
      const timeout = operation!.args[2];
      if (timeout === Infinity) continue;
      const queue = state.queue.filter((sleeper) => sleeper !== blocked);
      yield see({ ...state, queue }, index, "timed-out");
      continue;
    }
    if (operation !== undefined) {
      yield perform(state, index, operation);
      continue;
    }
    for (const sleeper of state.woken) {
      if (sleeper.thread !== index) continue;
      const woken = state.woken.filter((other) => other !== sleeper);
      yield see({ ...state, woken }, index, `wake ${sleeper.nap!}`);
    }
    if (tasks > 0) yield see(state, index, "task");
  }
}

/** Does what a thread is about to do, as the engine would. */
function perform(
  state: State,
  index: number,
  { name, args: [word, ...args] }: Operation,
): State {
  assertEquals(word, 0); // the counter is all there is
  const { counter, queue } = state;
  switch (name) {
    case "load":
      return see(state, index, counter);
    case "store":
      return see({ ...state, counter: args[0]! }, index, args[0]!);
    case "compareExchange": {
      const [expected, replacement] = args;
      const after = counter === expected ? replacement! : counter;
      return see({ ...state, counter: after }, index, counter);
    }
    case "notify": {
      const [count = Infinity] = args;
      const awake = queue.slice(0, count);
      const naps = awake.filter(({ nap }) => nap !== undefined);
      let next: State = {
        ...state,
        queue: queue.slice(count),
        woken: [...state.woken, ...naps],
      };
      for (const { thread, nap } of awake) {
        if (nap === undefined) next = see(next, thread, "ok");
      }
      return see(next, index, awake.length);
    }
    case "wait":
      if (counter !== args[0]) return see(state, index, "not-equal");
      return { ...state, queue: [...queue, { thread: index }] };
    case "waitAsync": {
      if (counter !== args[0]) return see(state, index, "not-equal");
      const { naps } = state.threads[index]!.progress;
      const sleeper = { thread: index, nap: naps };
      return see({ ...state, queue: [...queue, sleeper] }, index, "ok");
    }
  }
}

/**
 * Finds every state where nothing more can happen, and how many interleavings
 * lead there.
 */
function explore(
  programs: Program[],
): { ends: State[]; interleavings: bigint } {
  const ends: State[] = [];
  const entered = new Map<string, bigint>();
  const enter = (state: State): bigint => {
    const threads = state.threads.map(({ id }) => id);
    const key = JSON.stringify({ ...state, threads });
    let interleavings = entered.get(key);
    if (interleavings !== undefined) return interleavings;
    interleavings = 0n;
    for (const successor of successors(state)) {
      interleavings += enter(successor);
    }
    if (interleavings === 0n) {
      ends.push(state);
      interleavings = 1n;
    }
    entered.set(key, interleavings);
    return interleavings;
  };
  const interleavings = enter({
    counter: 0,
    threads: programs.map((program) => new Thread(program)),
    queue: [],
    woken: [],
    terminated: [],
  });
  return { ends, interleavings };
}

/** As much of an `AbortSignal` as a wait uses, but what a listener throws gets out. */
class Signal {
  readonly aborted = false;
  readonly reason = new Error("Cancelled");
  #cancel: (() => void) | undefined;

  addEventListener(_type: string, cancel: () => void): void {
    this.#cancel = cancel;
  }

  removeEventListener(): void {
    this.#cancel = undefined;
  }

  abort(): void {
    this.#cancel?.();
  }
}

const completes: Program = (completion) => [() => completion.complete()];

const waits: Program = (completion, report) => [
  () => report(completion.wait()),
];

/** It waits, and can be terminated at any moment. */
const isTerminated: Program = (completion, report) => waits(completion, report);

const blocks: Program = (completion, report) => [
  () => report(completion.waitSync()),
];

const timesOut: Program = (completion, report) => [
  () => report(completion.waitSync({ timeout: 1e9 })),
];

/** It cancels while it waits, or when it has been let go. */
const cancels: Program = (completion, report) => {
  const signal = new Signal();
  return [
    () => report(completion.wait({ signal: signal as unknown as AbortSignal })),
    () => signal.abort(),
  ];
};

const cancelsAndBlocks: Program = (completion, report) => [
  ...cancels(completion, report),
  ...blocks(completion, report),
];

const cancelsOneOfTwo: Program = (completion, report) => [
  ...waits(completion, report),
  ...cancels(completion, report),
];

for (
  const [who, programs] of [
    [
      "two complete(), a wait() and a canceled one",
      [completes, completes, waits, cancels],
    ],
    [
      "two complete(), a waitSync() and a canceled wait()",
      [completes, completes, blocks, cancels],
    ],
    [
      "two complete(), a wait() and a timeout",
      [completes, completes, waits, timesOut],
    ],
    [
      "two complete(), a waitSync() and a timeout",
      [completes, completes, blocks, timesOut],
    ],
    [
      "a wait(), and a waitSync() after a canceled wait",
      [completes, waits, cancelsAndBlocks],
    ],
    [
      "a waitSync(), and one of two waits canceled",
      [completes, blocks, cancelsOneOfTwo],
    ],
  ] satisfies [string, Program[]][]
) {
  Deno.test(`SharedCompletion loses and doubles nothing with ${who}`, async () => {
    const { ends, interleavings } = explore(programs);
    assertGreater(interleavings, 1_000_000n);
    const posted = programs.filter((program) => program === completes).length;
    for (const { counter: left, threads } of ends) {
      let taken = 0;
      let pending = 0;
      for (const thread of threads) {
        const outcome = await thread.outcome();
        taken += outcome.taken;
        pending += outcome.pending;
      }
      assertEquals(taken + left, posted);
      assert(left === 0 || pending === 0, "One sleeps beside a completion");
    }
  });
}

for (
  const [what, sleeps] of [["waits", waits], ["blocks", blocks]] as const
) {
  Deno.test(`SharedCompletion wakes one that ${what} in any interleaving with one that is terminated`, async () => {
    const { ends } = explore([completes, sleeps, isTerminated]);
    for (const { counter: left, threads } of ends) {
      if (left === 0) continue; // the terminated thread may have consumed one
      const { pending } = await threads[1]!.outcome();
      assertEquals(pending, 0, "One sleeps beside a completion");
    }
  });
}
