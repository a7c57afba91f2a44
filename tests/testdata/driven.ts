// Copyright 2026 the @ipc/barrier authors. MIT license.

// The child of tests/_helpers/driver.ts: `deno run driven.ts <port>`.

import { Socket } from "node:net";
import { SocketChannel } from "../../src/channels/socket.ts";
import { inheritBarrier } from "../../inherit.ts";
import type { Answer, Call } from "../_helpers/driver.ts";
import { turnEventLoop } from "../_helpers/event_loop.ts";
import { messages } from "../_helpers/messages.ts";

// Counts what arrives on the channel, whichever it is.
let received = 0;
let ended = false;

const receive = SocketChannel.prototype.receive;
SocketChannel.prototype.receive = function (lines) {
  received += lines.length;
  return receive.call(this, lines);
};
const push = Socket.prototype.push;
Socket.prototype.push = function (chunk, encoding) {
  if (chunk === null) ended = true;
  return push.call(this, chunk, encoding);
};
const read = Deno.stdin.read;
Deno.stdin.read = async (buffer) => {
  const count = await read.call(Deno.stdin, buffer);
  if (count === null) ended = true;
  else received += count;
  return count;
};

const connection = await Deno.connect({
  hostname: "127.0.0.1",
  port: Number(Deno.args[0]),
});
const barrier = await inheritBarrier();
barrier.signal; // so that what arrives is read even when nobody waits

for await (
  const { id, call, argument, ...sent } of messages<{
    id: number;
    call: Call;
    argument?: string;
    sent: number;
    ended: boolean;
  }>(connection.readable)
) {
  while (received < sent.sent || (sent.ended && !ended)) {
    await turnEventLoop(1);
  }
  await turnEventLoop();
  if (call === "exit") Deno.exit(0);
  const result = Promise.resolve(run(call, argument));
  let blocked = true;
  const done = result.then(() => blocked = false);
  await turnEventLoop();
  await answer(blocked ? { id, blocked } : { id, result: await result });
  if (blocked) done.then(async () => answer({ id, result: await result }));
}

function run(call: Call, argument?: string): unknown {
  switch (call) {
    case "place":
      return barrier.place(argument);
    case "abort":
      return barrier.abort(argument);
    case "flags":
      return [barrier.iAborted, barrier.theyAborted];
    case "exit":
      return;
    default:
      return barrier[call]();
  }
}

async function answer(answer: Answer): Promise<void> {
  await connection.write(
    new TextEncoder().encode(JSON.stringify(answer) + "\n"),
  );
}
