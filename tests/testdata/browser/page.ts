// Copyright 2026 the @ipc/barrier authors. MIT license.

// A page that uses barriers and completions with workers and with its server.

import { Barrier, type BarrierStreams } from "../../../barrier.ts";
import { SharedCompletion } from "../../../completion.ts";
import { report } from "./report.ts";

/** A connection to the page's server, as bytes. */
async function openStreams(): Promise<BarrierStreams> {
  const { opened } = new WebSocketStream(location.origin.replace("http", "ws"));
  return await opened;
}

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

await report("socket", async () => {
  using barrier = Barrier.over(await openStreams());
  barrier.place("from the page");
  const synced = await barrier.sync();
  const { note } = barrier;
  barrier.place("enough");
  const aborted = await barrier.waitAbortion();
  return { synced, note, aborted, reason: barrier.signal.reason.reason };
});

await report("end", () => true);
