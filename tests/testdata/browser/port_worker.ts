// Copyright 2026 the @ipc/barrier authors. MIT license.

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

// A worker whose peer is at the other end of a port that it is sent.

import { Barrier, type BarrierRole } from "../../../barrier.ts";

self.onmessage = async (event) => {
  const { role, port }: { role: BarrierRole; port: MessagePort } = event.data;
  const barrier = Barrier.over(port, { role });
  barrier.place(`from the ${role}`);
  const synced = await barrier.sync();
  const { note } = barrier;
  if (role === "child") barrier.abort("enough");
  else await barrier.waitAbortion();
  self.postMessage({ synced, note, reason: barrier.signal.reason.reason });
};
