// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * All that can happen to a barrier within a few calls, tried on the real one and
 * compared with the model after every step, as tokio's loom does for threads.
 *
 * Two programs of four calls each have too many interleavings to run them all,
 * but most of these differ in nothing that either side can see: the two sides of
 * a barrier share nothing but the channel, so what one does depends on its own
 * calls and on what arrives between them, and on nothing else. So it is enough
 * to run, on one side, all its programs with all that a program of the same
 * length at the other end can send, arriving at all the moments between the
 * calls. That the channel brings what was sent, in order, is then shown by pairs
 * of shorter programs, of which all interleavings are run.
 *
 * @module
 */

import { Barrier } from "../../barrier.ts";
import { flushMicrotasks } from "./event_loop.ts";
import { type Event, lineOf, type Message, Model, Subject } from "./model.ts";
import { setUp, type TestChannel } from "./test_channel.ts";

type Call = Exclude<Event, { arrived: Message[] }>;

const CALLS: Call[] = [
  { call: "place" },
  { call: "abort" },
  { call: "waitNext" },
  { call: "syncNext" },
  { call: "sync" },
  { call: "waitAbortion" },
  { call: "step" },
  { call: "destroy" },
];

/** Options for {@linkcode checkOneSide}. */
export interface OneSideOptions {
  /** How many barriers were placed there before. */
  barriers?: number;
  log?: (line: string) => void;
}

/**
 * Runs all programs of one side, with all that can arrive. One of the waits may
 * be cancelled, at any moment.
 *
 * @param length The number of calls, and of the messages that arrive.
 * @returns How many runs that were.
 */
export async function checkOneSide(
  length: number,
  { barriers = 0, log }: OneSideOptions = {},
): Promise<number> {
  let runs = 0;
  for (const first of CALLS) {
    for (const events of histories(first, length, barriers)) {
      await checkHistory(events, barriers);
      if (++runs % 1_000_000 === 0) log?.(`${runs} runs of one side`);
    }
  }
  return runs;
}

/** All that can happen to one side whose first call is given. */
function* histories(
  first: Call,
  length: number,
  barriers: number,
): Generator<Event[]> {
  const events: Event[] = [];
  yield* extend(new Model(barriers), 0, 0, false);

  function* extend(
    model: Model,
    called: number,
    arrived: number,
    hasCancelled: boolean,
  ): Generator<Event[]> {
    const calls = called === length ? [] : called === 0 ? [first] : CALLS;
    for (const call of calls) {
      yield* add(call, model, called + 1, arrived, hasCancelled);
    }
    if (arrived < length) {
      for (const message of possible()) {
        const event = { arrived: [message] };
        yield* add(event, model, called, arrived + 1, hasCancelled);
      }
    } else if (called === length) {
      yield events;
    }
    if (arrived < length && called === length && hungUp()) yield events;
    if (hasCancelled) return;
    for (const [wait, { outcome }] of model.waits.entries()) {
      if (outcome !== "pending") continue;
      yield* add({ call: "cancel", wait }, model, called, arrived, true);
    }
  }

  function* add(
    event: Event,
    model: Model,
    called: number,
    arrived: number,
    hasCancelled: boolean,
  ): Generator<Event[]> {
    const next = model.clone();
    next.apply(event);
    events.push(event);
    yield* extend(next, called, arrived, hasCancelled);
    events.pop();
  }

  function messages(): Message[] {
    return events.flatMap((event) => "arrived" in event ? event.arrived : []);
  }

  function hungUp(): boolean {
    return messages().includes("hangUp");
  }

  /** What the peer can send behind what it has sent. */
  function possible(): Message[] {
    const sent = messages();
    if (sent.includes("hangUp")) return [];
    if (sent.includes("abortion")) return ["hangUp"];
    return [{ note: `${sent.length}` }, "abortion", "hangUp"];
  }
}

/** Compares one run with the model, step by step and then as one. */
async function checkHistory(events: Event[], barriers: number): Promise<void> {
  const model = new Model(barriers);
  const { barrier, channel } = setUp({ barriers });
  const subject = new Subject(barrier);
  for (const event of events) {
    model.apply(event);
    happen(event, subject, channel);
    await flushMicrotasks();
    expect(subject.state, model.state, events, event);
  }
  const sent = model.sent.filter((message) => message !== "hangUp");
  expect(channel.sent, sent.map(lineOf).join(""), events);

  const again = setUp({ barriers });
  const hurried = new Subject(again.barrier);
  for (const event of events) happen(event, hurried, again.channel);
  await flushMicrotasks();
  expect(hurried.state, model.state, events);
}

function happen(event: Event, subject: Subject, channel: TestChannel): void {
  if ("call" in event) return subject.apply(event);
  for (const message of event.arrived) {
    if (message === "hangUp") channel.hangUp();
    else channel.deliver(lineOf(message));
  }
}

/**
 * Runs all pairs of programs at both ends of `Barrier.pair()`, with all their
 * interleavings: once with all that is sent arriving before the next call, and
 * once with nothing arriving before the last one.
 *
 * @param length The number of calls of each program.
 * @returns How many runs that were.
 */
export async function checkPairs(
  length: number,
  log?: (line: string) => void,
): Promise<number> {
  let runs = 0;
  for (const calls of sequences(2 * length, 2 * CALLS.length)) {
    const schedule = calls.map((number) => ({
      side: number % 2,
      event: CALLS[number >> 1]!,
    }));
    const childs = schedule.filter(({ side }) => side === 1).length;
    if (childs !== length) continue;
    for (const isHurried of [false, true]) {
      await checkSchedule(schedule, isHurried);
      if (++runs % 1_000_000 === 0) log?.(`${runs} runs of pairs`);
    }
  }
  return runs;
}

/** All sequences of numbers below a limit. */
function* sequences(length: number, limit: number): Generator<number[]> {
  const numbers = new Array<number>(length).fill(0);
  while (true) {
    yield numbers;
    let last = length - 1;
    while (last >= 0 && ++numbers[last]! === limit) numbers[last--] = 0;
    if (last < 0) return;
  }
}

async function checkSchedule(
  schedule: { side: number; event: Call }[],
  isHurried: boolean,
): Promise<void> {
  const models = [new Model(), new Model()];
  const subjects = Barrier.pair().map((barrier) => new Subject(barrier));
  for (const [index, { side, event }] of schedule.entries()) {
    models[side]!.apply(event);
    subjects[side]!.apply(event);
    if (isHurried && index < schedule.length - 1) continue;
    await flushMicrotasks();
    for (const [from, to] of [[0, 1], [1, 0]] as const) {
      for (const message of models[from]!.sent.splice(0)) {
        models[to]!.apply({ arrived: [message] });
      }
    }
    for (const side of [0, 1]) {
      expect(subjects[side]!.state, models[side]!.state, schedule);
    }
  }
}

function expect(
  actual: string,
  expected: string,
  events: unknown,
  step?: Event,
): void {
  if (actual === expected) return;
  const where = step ? `\nat ${JSON.stringify(step)}` : "";
  throw new Error(
    `The barrier shows\n  ${actual}\nand not\n  ${expected}\nin ${
      JSON.stringify(events)
    }${where}`,
  );
}
