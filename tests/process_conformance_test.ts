// Copyright 2026 the @ipc/barrier authors. MIT license.

import { type Call as ChildCall, DrivenChild } from "./_helpers/driver.ts";
import { turnEventLoop } from "./_helpers/event_loop.ts";
import {
  BarrierSide,
  type Call,
  readTraces,
  replay,
  type Report,
  type Side,
} from "./_helpers/traces.ts";
import { test } from "./_helpers/unix.ts";

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

test('spawnWithBarrier() reproduces every 15th recorded trace of systemd\'s barrier.c over "fd"', async () => {
  for (const trace of await readTraces(15)) {
    await using child = await DrivenChild.spawn({ channel: "fd" });
    await replay(
      trace,
      new BarrierSide(child.barrier),
      new ChildSide(child),
      turnEventLoop,
    );
  }
});
