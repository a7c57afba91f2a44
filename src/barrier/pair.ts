// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { BarrierChannel, BarrierReceiver } from "./channel.ts";

/** Makes two channels that are each other's peer. */
export function pairedChannels(): [BarrierChannel, BarrierChannel] {
  const near = new PairedChannel();
  const far = new PairedChannel();
  near.peer = far;
  far.peer = near;
  return [near, far];
}

class PairedChannel implements BarrierChannel {
  peer: PairedChannel | undefined;
  receiver: BarrierReceiver | undefined;

  open(receiver: BarrierReceiver): void {
    this.receiver = receiver;
  }

  send(bytes: Uint8Array): void {
    queueMicrotask(() => this.peer?.receiver?.receive(bytes));
  }

  close(): void {
    this.receiver = undefined;
    queueMicrotask(() => this.peer?.receiver?.hangUp());
  }

  ref(): void {}

  unref(): void {}
}
