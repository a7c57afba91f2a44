// Copyright 2026 the @ipc/barrier authors. MIT license.

import { SharedCompletion } from "@ipc/barrier/completion";

/** Two completions, and whether to block the thread between them. */
export interface Completions {
  ping: SharedArrayBuffer;
  pong: SharedArrayBuffer;
  blocking: boolean;
}

declare const self: Worker; // seen from inside, it has the same shape

/** Answers each ping with a pong, by the means that the first message brings. */
self.onmessage = ({ data }: MessageEvent<Completions | Int32Array | null>) => {
  if (data === null) self.postMessage(data);
  else if (data instanceof Int32Array) answerFlags(data);
  else answerCompletions(data);
};

async function answerCompletions(
  { blocking, ...buffers }: Completions,
): Promise<never> {
  const ping = SharedCompletion.from(buffers.ping);
  const pong = SharedCompletion.from(buffers.pong);
  while (true) {
    if (blocking) ping.waitSync();
    else await ping.wait();
    pong.complete();
  }
}

async function answerFlags(flags: Int32Array): Promise<never> {
  while (true) {
    await Atomics.waitAsync(flags, 0, 0).value;
    Atomics.store(flags, 0, 0);
    Atomics.store(flags, 1, 1);
    Atomics.notify(flags, 1);
  }
}
