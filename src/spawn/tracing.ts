// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Loads the trace when it is first needed. `spawnWithBarrier()` returns
 * immediately, and an import does not. What happens until then is printed
 * afterwards, with the time when it happened. A process that exits before, within
 * a few milliseconds, prints none of it.
 */

import type { BarrierEvent, BarrierObserver } from "../barrier/observer.ts";
import { TRACE_VARIABLE } from "../channels/environment.ts";
import { readVariable } from "../runtime/host.ts";
import { wallClock } from "../runtime/timers.ts";

type Trace = typeof import("../trace.ts");

let trace: Trace | undefined;
let loading: Promise<void> | undefined;
const early: [who: string, event: BarrierEvent, time: number][] = [];

/**
 * Makes an observer that prints what happens, if `BARRIER_TRACE` asks for it.
 *
 * @param who Which side it observes, as the lines call it.
 */
export function traced(who: string): BarrierObserver | undefined {
  if (readVariable(TRACE_VARIABLE) !== "1") return undefined;
  loading ??= import("../trace.ts").then((loaded) => {
    trace = loaded;
    for (const event of early.splice(0)) trace.print(...event);
  });
  return (event) => {
    const time = wallClock();
    if (trace) trace.print(who, event, time);
    else early.push([who, event, time]);
  };
}
