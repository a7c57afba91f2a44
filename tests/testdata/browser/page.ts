// Copyright 2026 the @ipc/barrier authors. MIT license.

// A page that uses barriers and completions with workers and with its server.

import { Barrier } from "../../../barrier.ts";
import { SharedCompletion } from "../../../completion.ts";
import { report } from "./report.ts";

function startWorker(name: string): Worker {
  return new Worker(`${name}.js`, { type: "module" });
}

await report("page and worker", async () => {
  const worker = startWorker("worker");
  using barrier = Barrier.over(worker);
  const ready = await barrier.receive();
  barrier.place("go on");
  const answer = await barrier.receive();
  const more = await barrier.waitNext(); // the worker has destroyed its side
  return { ready, answer, more };
});

await report("abort of a worker", async () => {
  using barrier = Barrier.over(startWorker("aborting_worker"));
  const aborted = await barrier.waitAbortion();
  const { kind, side, reason } = barrier.signal.reason;
  return { aborted, kind, side, reason };
});

await report("two workers", async () => {
  const { port1, port2 } = new MessageChannel();
  const workers = ["parent", "child"].map((role) => {
    const worker = startWorker("port_worker");
    const port = role === "parent" ? port1 : port2;
    worker.postMessage({ role, port }, [port]);
    return worker;
  });
  return await Promise.all(workers.map((worker) =>
    new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
    })
  ));
});

await report("completion", async () => {
  const asked = new SharedCompletion();
  const answered = new SharedCompletion();
  const worker = startWorker("completion_worker");
  worker.postMessage({ asked: asked.buffer, answered: answered.buffer });
  asked.complete(); // the worker's waitSync() blocks until then
  await answered.wait();
  return { asked: asked.done, answered: answered.done };
});

const socketUrl = location.origin.replace("http", "ws");

await report("socket", () => {
  // It is not open yet.
  return useServer(Barrier.over(new WebSocket(socketUrl)));
});

await report("streams", async () => {
  return useServer(Barrier.over(await new WebSocketStream(socketUrl).opened));
});

async function useServer(server: Barrier): Promise<unknown> {
  using barrier = server;
  barrier.place("from the page");
  const synced = await barrier.sync();
  const { note } = barrier;
  barrier.place("enough");
  const aborted = await barrier.waitAbortion();
  return { synced, note, aborted, reason: barrier.signal.reason.reason };
}

await report("end", () => true);
