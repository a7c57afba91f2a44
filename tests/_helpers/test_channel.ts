// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  Barrier,
  type BarrierAbortedError,
  type BarrierChannel,
  type BarrierOptions,
} from "../../barrier.ts";
import type { MessageReceiver } from "../../src/barrier/channel.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A channel whose other end is the test. */
export class TestChannel implements BarrierChannel {
  readonly acceptsText: boolean;
  receiver!: MessageReceiver;
  sent = "";
  /** The calls but `send`, in order. */
  readonly calls: string[] = [];

  constructor(acceptsText: boolean) {
    this.acceptsText = acceptsText;
  }

  open(receiver: MessageReceiver): void {
    this.calls.push("open");
    this.receiver = receiver;
  }

  send(bytes: Uint8Array): void {
    this.sent += decoder.decode(bytes);
  }

  close(): void {
    this.calls.push("close");
  }

  ref(): void {
    this.calls.push("ref");
  }

  unref(): void {
    this.calls.push("unref");
  }

  watch(): void {
    this.calls.push("watch");
  }

  deliver(data: string | Uint8Array): void {
    this.receiver.receive(
      typeof data === "string" ? encoder.encode(data) : data,
    );
  }

  hangUp(error?: BarrierAbortedError): void {
    this.receiver.hangUp(error);
  }
}

/** A barrier, and the channel that it is on. */
export interface Fixture {
  barrier: Barrier;
  channel: TestChannel;
}

/** Makes a barrier on a channel whose other end is the test. */
export function setUp(
  options: BarrierOptions = {},
  acceptsText = false,
): Fixture {
  const channel = new TestChannel(acceptsText);
  return { barrier: new Barrier(channel, options), channel };
}

/** What ends every wait. */
export const ENDS: { name: string; act: (fixture: Fixture) => void }[] = [
  {
    name: "what they wait for",
    act({ channel }) {
      channel.deliver("\n\n");
      channel.deliver("abort\n");
    },
  },
  { name: "an abort", act: ({ channel }) => channel.deliver("abort\n") },
  { name: "a hang-up", act: ({ channel }) => channel.hangUp() },
  { name: "a violation", act: ({ channel }) => channel.deliver("hello\n") },
  { name: "destroy()", act: ({ barrier }) => barrier.destroy() },
];
