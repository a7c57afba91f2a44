// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Barriers between two processes or two tasks: each side places barriers and
 * waits for those of the other side, its peer.
 *
 * The nth barrier of one side is linked to the nth barrier of the other. Barriers
 * have no names. Each side keeps a signed counter: barriers placed minus peer
 * barriers consumed. If it is positive, the peer is behind; otherwise the peer has
 * caught up. So a barrier works one way ("I am ready",
 * {@linkcode Barrier.prototype.receive}) and both ways ("we have both come this
 * far", {@linkcode Barrier.prototype.sync}).
 *
 * A wait does not hang if the other side exits:
 *
 * - Either side can abort, permanently. An abort discards all barriers that were
 *   not consumed. On both sides all waits, pending and future, end immediately,
 *   except {@linkcode Barrier.prototype.waitAbortion}, which waits until both
 *   sides have aborted.
 * - A side that exits or crashes hangs up. Its barriers can still be consumed, and
 *   only a wait that needs more of them ends. So "place a barrier and exit" is
 *   safe.
 *
 * The two sides communicate over a pair of byte streams that carry lines of text.
 * See `PROTOCOL.md` for the format. To use a transport of your own, implement
 * {@linkcode BarrierChannel}.
 *
 * ```ts
 * import { Barrier } from "@ipc/barrier/barrier";
 * import { assert } from "@std/assert";
 *
 * const [parent, child] = Barrier.pair();
 * parent.place();
 * child.place();
 * assert(await parent.sync());
 * assert(await child.sync());
 * ```
 *
 * The calls and rules are those of systemd's IPC barrier (`barrier.c`).
 *
 * @module
 */

import { setChannelOver } from "./src/barrier/barrier.ts";
import { isPort, PortChannel } from "./src/channels/port.ts";
import { overStreams } from "./src/channels/streams.ts";
import { isWebSocket, WebSocketChannel } from "./src/channels/web_socket.ts";

export { Barrier } from "./src/barrier/barrier.ts";
export type { BarrierChannel, BarrierReceiver } from "./src/barrier/channel.ts";
export type {
  BarrierOptions,
  BarrierRole,
  BarrierWaitOptions,
} from "./src/barrier/options.ts";
export {
  BarrierAbortedError,
  type BarrierAbortedErrorOptions,
} from "./src/barrier/error.ts";
export type {
  BarrierEmitter,
  BarrierPort,
  BarrierStreams,
  BarrierWebSocket,
} from "./src/barrier/transports.ts";

setChannelOver((transport) => {
  if (isPort(transport)) return new PortChannel(transport);
  if (isWebSocket(transport)) return new WebSocketChannel(transport);
  return overStreams(transport);
});
