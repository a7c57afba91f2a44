// Copyright 2026 the @ipc/barrier authors. MIT license.

import { type BarrierChannelKind, inheritBarrier } from "@ipc/barrier/inherit";

using parent = await inheritBarrier({
  channel: Deno.args[0] as BarrierChannelKind, // it may not read BARRIER_CHANNEL
});
while (await parent.placeAndSync());
