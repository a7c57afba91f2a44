// Copyright 2026 the @ipc/barrier authors. MIT license.

/// <reference lib="deno.unstable" />

// The programs of tests/barrier_over_*_test.ts.

import { Barrier } from "../../barrier.ts";
import { main } from "./main.ts";

function start(name: string): Worker {
  const url = import.meta.resolve("./barrier_worker.ts");
  return new Worker(url, { type: "module", name });
}

await main({
  async tcp(port) {
    const hostname = "127.0.0.1";
    const conn = await Deno.connect({ hostname, port: Number(port) });
    const barrier = Barrier.over(conn, { role: "child" });
    for (let round = 0; round < 3; round++) {
      barrier.place();
      console.log(await barrier.sync(), barrier.note);
    }
  },

  async ports() {
    const { port1, port2 } = new MessageChannel();
    const parent = Barrier.over(port1);
    const child = Barrier.over(port2, { role: "child" });
    child.place();
    console.log(await parent.waitNext());
    parent.destroy();
  },

  async streams(url) {
    {
      const { opened } = new WebSocketStream(`${url}/server-hangs-up`);
      const barrier = Barrier.over(await opened, { role: "child" });
      barrier.place();
      console.log(await barrier.sync(), barrier.note);
      console.log(await barrier.waitNext());
    }
    {
      const { opened } = new WebSocketStream(`${url}/client-hangs-up`);
      using barrier = Barrier.over(await opened, { role: "child" });
      barrier.place("one");
      barrier.place("two");
    }
  },

  async "web socket"() {
    const server = Deno.serve({ port: 0, onListen() {} }, (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      const child = Barrier.over(socket, { role: "child" });
      child.place("ready");
      child.destroy();
      return response;
    });
    const parent = Barrier.over(
      new WebSocket(`ws://localhost:${server.addr.port}`),
    );
    console.log(await Array.fromAsync(parent));
    parent.destroy();
    await server.shutdown();
  },

  async "worker with an error"() {
    const worker = start("many barriers and an error");
    const failed = new Int32Array(new SharedArrayBuffer(4));
    worker.postMessage(failed);
    const barrier = Barrier.over(worker);
    while (Atomics.load(failed, 0) === 0); // so all of it arrives together
    for (let i = 0; i < 1_001; i++) barrier.place();
    console.log(await barrier.sync(), barrier.note);
    console.log(await barrier.waitNext());
    console.log(barrier.signal.reason.message);
  },

  async "worker that hung up"() {
    const worker = start("hang-up and an error");
    const failed = new Promise((resolve) =>
      worker.addEventListener("error", resolve)
    );
    const barrier = Barrier.over(worker);
    console.log(await barrier.placeAndSync(), await barrier.waitNext());
    await failed;
  },
});
