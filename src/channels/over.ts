// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { BarrierChannel } from "../barrier/channel.ts";
import { type BarrierPort, isPort, PortChannel } from "./port.ts";
import { type BarrierStreams, StreamChannel } from "./streams.ts";

/**
 * Makes a channel over streams, or over a port.
 *
 * @throws {TypeError} If the transport is neither, or its streams are locked.
 */
export function channelOver(
  transport: BarrierStreams | BarrierPort,
): BarrierChannel {
  return isPort(transport)
    ? new PortChannel(transport)
    : new StreamChannel(transport);
}
