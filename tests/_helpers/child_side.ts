// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { Call as ChildCall, DrivenChild } from "./driver.ts";
import { turnEventLoop } from "./event_loop.ts";
import {
  BarrierSide,
  type Call,
  replay,
  type Report,
  type Side,
  type Trace,
} from "./traces.ts";

const CALLS: Record<Call, ChildCall> = {
  p: "place",
  a: "abort",
  n: "waitNext",
  A: "waitAbortion",
  s: "syncNext",
  S: "sync",
  x: "exit",
};

/** A side that is a barrier of a child process. */
class ChildSide implements Side {
  readonly #child: DrivenChild;
  #result: Report["result"] = "f";

  constructor(child: DrivenChild) {
    this.#child = child;
  }

  async call(call: Call): Promise<void> {
    if (call === "x") return await this.#child.exit();
    const { result } = await this.#child.start(CALLS[call]);
    this.#result = "b";
    const done = result.then((result) => this.#result = result ? "t" : "f");
    // It is known by now, unless the call blocks.
    await Promise.race([done, turnEventLoop()]);
  }

  async report(): Promise<Report> {
    // Answers come in order: after this one, an ended wait is known as well.
    const [i, they] = await this.#child.call("flags") as [boolean, boolean];
    await turnEventLoop();
    const flags = i ? they ? "W" : "I" : they ? "T" : "-";
    return { result: this.#result, flags };
  }
}

/** Replays a trace on a driven child and on the parent's side of its barrier. */
export function replayOn(child: DrivenChild, trace: Trace): Promise<void> {
  return replay(
    trace,
    new BarrierSide(child.barrier),
    new ChildSide(child),
    turnEventLoop,
  );
}
