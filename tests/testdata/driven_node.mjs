// Copyright 2026 the @ipc/barrier authors. MIT license.

// Children of tests/_helpers/driver.ts in one process of Node or Bun. Its arguments
// are the directory of the library, as JavaScript, a port, and the channels. Each
// child connects to the port, in this order.

import { once } from "node:events";
import { connect } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";

const [library, port, ...channels] = process.argv.slice(2);
const { InheritedChannel } = await import(`${library}/src/channels/socket.mjs`);
const { StdioChannel } = await import(`${library}/src/channels/stdio.mjs`);

// What has arrived on the channel that was opened last.
let arrived;

for (const { prototype } of [InheritedChannel, StdioChannel]) {
  const { open } = prototype;
  prototype.open = function (receiver) {
    const counts = arrived = { received: 0, ended: false };
    open.call(this, {
      ...receiver,
      receive(bytes) {
        counts.received += bytes.length;
        receiver.receive(bytes);
      },
      hangUp(error) {
        counts.ended = true;
        receiver.hangUp(error);
      },
    });
  };
}

for (const channel of channels) {
  // One barrier can be inherited, so each has a copy of the module.
  const module = await import(`${library}/inherit.mjs?${channel}`);
  const barrier = await module.inheritBarrier({ channel });
  barrier.signal; // so that what arrives is read even when nobody waits
  const connection = connect(Number(port), "127.0.0.1");
  await once(connection, "connect");
  serve(barrier, arrived, connection);
}

async function serve(barrier, arrived, connection) {
  const answer = (answer) => connection.write(`${JSON.stringify(answer)}\n`);
  for await (const line of createInterface({ input: connection })) {
    const { id, call, argument, sent, ended } = JSON.parse(line);
    while (arrived.received < sent || (ended && !arrived.ended)) await turn();
    await turnSome();
    if (call === "exit") return exit(barrier, connection);
    const result = Promise.resolve(run(barrier, call, argument));
    let blocked = true;
    const done = result.then(() => blocked = false);
    await turnSome();
    answer(blocked ? { id, blocked } : { id, result: await result });
    if (blocked) done.then(async () => answer({ id, result: await result }));
  }
}

function exit(barrier, connection) {
  if (channels.length === 1) process.exit();
  barrier.destroy();
  connection.end();
}

function run(barrier, call, argument) {
  if (call === "flags") return [barrier.iAborted, barrier.theyAborted];
  return barrier[call](argument);
}

/** Lets the event loop turn. */
function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}

async function turnSome() {
  for (let i = 0; i < 3; i++) await turn();
}
