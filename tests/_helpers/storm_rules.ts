// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * What the logs of a storm may say. When something arrived is in no log, so a
 * side is followed through all that it can be in: the model of a barrier, with
 * any part of what the peer sent delivered at any moment, and together or apart.
 *
 * @module
 */

import type { Logged, Shown, Step } from "../testdata/storm_side.ts";
import { type Event, type Message, Model, type WaitCall } from "./model.ts";

/**
 * What a side can have sent. It was what the log says; of a call that the side
 * died in, nobody knows how much of it was done.
 */
export function possiblySent(log: Logged[]): Message[][] {
  const sent: Message[] = [];
  const begun: Step[] = [];
  let unknown: Message[] = [];
  for (const line of log) {
    if ("began" in line) {
      begun.push(line.began);
      unknown = messagesOf(line.began);
    } else if ("ended" in line) {
      const messages = messagesOf(begun[line.ended]!);
      if (messages.length === 0) continue; // a wait
      if (line.result !== false || messages.includes("abortion")) {
        sent.push(...messages);
      }
      unknown = [];
    }
  }
  return Array.from(
    { length: unknown.length + 1 },
    (_, count) => ending([...sent, ...unknown.slice(0, count)]),
  );
}

function messagesOf(step: Step): Message[] {
  if ("pause" in step) return [];
  if ("notes" in step) {
    return step.notes.map((note) => ({ note: note ?? undefined }));
  }
  if (step.call === "abort") return ["abortion"];
  return step.call === "destroy" ? ["hangUp"] : [];
}

/** What is sent ends with the hang-up, be it by a call or by the death. */
function ending(sent: Message[]): Message[] {
  const end = sent.indexOf("hangUp");
  return [...end < 0 ? sent : sent.slice(0, end), "hangUp"];
}

/** What a side can be in. */
interface State {
  model: Model;
  /** How much of what the peer sent has arrived. */
  arrived: number;
  /** What the last call that does not wait has returned. */
  returned: unknown;
}

/** Whether there are moments of arrival at which a side sees what it saw. */
export function canSee(seen: Logged[], sent: Message[]): boolean {
  const begun: Step[] = [];
  /** Which wait of the model belongs to a step. */
  const waits = new Map<number, number>();
  let states: State[] = [{ model: new Model(), arrived: 0, returned: null }];
  for (const line of seen) {
    if ("finished" in line) break;
    states = afterArrivals(states, sent);
    if ("began" in line) {
      if (isWait(line.began)) waits.set(begun.length, waits.size);
      begun.push(line.began);
      states = states.map((state) => afterCall(state, line.began));
    } else if ("cancels" in line) {
      const event: Event = { call: "cancel", wait: waits.get(line.cancels)! };
      states = states.map((state) => after(state, event));
    } else {
      const wait = waits.get(line.ended);
      states = states.filter((state) =>
        shows(state.model, line.shown) &&
        endsWith(state, begun[line.ended]!, wait, line.result)
      );
    }
    if (states.length === 0) return false;
  }
  return true;
}

function isWait(step: Step): boolean {
  const waits: readonly string[] = [
    "waitNext",
    "syncNext",
    "sync",
    "waitAbortion",
    "step",
  ] satisfies WaitCall[];
  return "call" in step && waits.includes(step.call);
}

function shows(model: Model, shown: Shown): boolean {
  return model.iAborted === shown.iAborted &&
    model.theyAborted === shown.theyAborted && model.note === shown.note;
}

/** The states after any number of further messages, in any deliveries. */
function afterArrivals(states: State[], sent: Message[]): State[] {
  const all = new Map<string, State>();
  const add = (state: State) => {
    const key = JSON.stringify(state);
    if (all.has(key)) return;
    all.set(key, state);
    for (let end = state.arrived + 1; end <= sent.length; end++) {
      const event = { arrived: sent.slice(state.arrived, end) };
      add({ ...after(state, event), arrived: end });
    }
  };
  states.forEach(add);
  return Array.from(all.values());
}

function after(state: State, event: Event): State {
  const model = state.model.clone();
  model.apply(event);
  model.sent = []; // that of the peer alone matters here
  return { ...state, model };
}

function afterCall(state: State, step: Step): State {
  if ("pause" in step) return { ...state, returned: true };
  const { model } = state;
  if ("notes" in step) {
    const next = step.notes.reduce(
      (state, note) => after(state, { call: "place", note: note ?? undefined }),
      state,
    );
    return { ...next, returned: step.notes.length === 0 || !model.isOver };
  }
  switch (step.call) {
    case "signal":
      return { ...state, returned: model.isOver || model.hungUp };
    case "abort":
      return {
        ...after(state, { call: "abort" }),
        returned: !model.theyAborted && !model.destroyed,
      };
    case "destroy":
      return { ...after(state, { call: "destroy" }), returned: undefined };
    default:
      return after(state, { call: step.call });
  }
}

/** Whether a step ended with its result in a state. */
function endsWith(
  state: State,
  step: Step,
  wait: number | undefined,
  result: unknown,
): boolean {
  if (wait !== undefined) return state.model.waits[wait]!.outcome === result;
  // A channel that was closed by a program that lives on aborts no signal.
  const isClosed = "call" in step && step.call === "signal" &&
    result === false && !state.model.isOver;
  return isClosed || state.returned === result;
}
