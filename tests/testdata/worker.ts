// Copyright 2026 the @ipc/barrier authors. MIT license.

/// <reference lib="deno.worker" />

// The worker of tests/barrier_over_conformance_test.ts. Its orders come over a port, which is its
// first message: all others are the barrier's.

import { Barrier } from "../../barrier.ts";
import { BarrierSide, type Call, type Report } from "../_helpers/traces.ts";
import { Traffic } from "../_helpers/traffic.ts";

/** What the worker is sent. */
export interface Order {
  /** To make a barrier, to make a call, or only to report. */
  act: "over" | Call | "report";
  /** How many messages were sent to its barriers before. */
  sent: number;
}

/** What the worker answers. */
export interface Answer extends Report {
  /** How many messages its barriers have sent. */
  sent: number;
}

self.onmessage = ({ data: port }) => {
  self.onmessage = null;
  const traffic = new Traffic();
  const { postMessage } = self;
  self.postMessage = (message: unknown) => {
    traffic.sent++;
    postMessage(message);
  };
  self.addEventListener("message", () => traffic.arrive(1));

  let side: BarrierSide;
  port.onmessage = async ({ data }: MessageEvent<Order>) => {
    await traffic.until(data.sent);
    if (data.act === "over") {
      side = new BarrierSide(Barrier.over(self, { role: "child" }));
    } else if (data.act !== "report") side.call(data.act);
    await undefined; // a wait that has ended shows it now
    port.postMessage({ ...side.report(), sent: traffic.sent });
  };
};
