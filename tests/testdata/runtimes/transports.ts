// Copyright 2026 the @ipc/barrier authors. MIT license.

// A program for each runtime: barriers with threads of `node:worker_threads`, over
// ports and over a WebSocket. It prints a JSON object with what each of them saw.
// Its argument is the address of a WebSocket server.

import {
  isMainThread,
  type MessagePort as ThreadPort,
  parentPort,
  Worker as Thread,
  workerData,
} from "node:worker_threads";
import process from "node:process";
import { Barrier } from "../../../barrier.ts";

const COUNT = 50;

/** How long, in milliseconds, a report may take. One that hangs has failed. */
const LIMIT = 30_000;

interface Job {
  name: keyof typeof jobs;
  port?: ThreadPort;
}

/** What a thread does, by its name. */
const jobs = {
  async talk() {
    const barrier = Barrier.over(parentPort!, { role: "child" });
    barrier.place("ready");
    barrier.place(`received: ${await barrier.receive()}`);
    barrier.destroy();
    parentPort!.postMessage("the port is still open");
    process.exit();
  },
  exit() {
    place(Barrier.over(parentPort!, { role: "child" }));
    process.exit(3);
  },
  fail() {
    place(Barrier.over(parentPort!, { role: "child" }));
    throw new Error("no\nluck");
  },
  wait() {
    place(Barrier.over(parentPort!, { role: "child" }));
  },
  exitWithPort() {
    place(Barrier.over((workerData as Required<Job>).port, { role: "child" }));
    process.exit(3);
  },
  exitAsWorker() {
    place(Barrier.over(globalThis as unknown as Worker, { role: "child" }));
    process.exit(3);
  },
};

function place(barrier: Barrier): void {
  for (let i = 0; i < COUNT; i++) barrier.place(String(i));
}

/** Counts the barriers of the peer until it hangs up, which it also describes. */
async function drain(
  barrier: Barrier,
  onLast?: () => void,
): Promise<Record<string, unknown>> {
  let count = 0;
  for await (const note of barrier) {
    if (note === String(count)) count++;
    if (count === COUNT) onLast?.();
  }
  const { kind, message, cause } = barrier.signal.reason;
  return {
    count,
    kind,
    message,
    ...cause === undefined ? {} : { cause: cause.message },
  };
}

function start(name: Job["name"], port?: ThreadPort): Thread {
  return new Thread(new URL(import.meta.url), {
    workerData: { name, port },
    transferList: port ? [port] : [],
  });
}

/** What the main thread does, by the name of the report. */
const reports: Record<string, () => Promise<unknown>> = {
  async "a thread"() {
    const thread = start("talk");
    const barrier = Barrier.over(thread);
    const notes = [await barrier.receive()];
    barrier.place("go on");
    notes.push(await barrier.receive());
    const more = await barrier.waitNext();
    const port = await new Promise((resolve) => thread.on("message", resolve));
    return { notes, more, port };
  },
  "a thread that exits": () => drain(Barrier.over(start("exit"))),
  "a thread that fails": () => drain(Barrier.over(start("fail"))),
  "a thread that is terminated"() {
    const thread = start("wait");
    return drain(Barrier.over(thread), () => thread.terminate());
  },
  "the port of a thread that exits"() {
    const { port1, port2 } = new MessageChannel();
    start("exitWithPort", port2 as unknown as ThreadPort);
    return drain(Barrier.over(port1));
  },
  "a port that is closed"() {
    const { port1, port2 } = new MessageChannel();
    const barrier = Barrier.over(port1);
    const encoder = new TextEncoder();
    for (let i = 0; i < COUNT; i++) {
      port2.postMessage(encoder.encode(`+${i}\n`));
    }
    port2.close();
    return drain(barrier);
  },
  async "a WebSocket"() {
    const socket = new WebSocket(process.argv[2]!);
    const barrier = Barrier.over(socket);
    barrier.place("from the client");
    const note = await barrier.receive();
    return { note, ...await drain(barrier) };
  },
  "a worker that exits"() {
    return drain(Barrier.over(new Worker(import.meta.url)));
  },
};

/** The reports that a runtime cannot make. */
const missing = new Set<string>([
  // Closing a port is visible only if a thread has had it.
  ..."Deno" in globalThis ? ["a port that is closed"] : [],
  ..."WebSocket" in globalThis ? [] : ["a WebSocket"],
  // Only Bun reports that a web worker has exited.
  ..."Bun" in globalThis ? [] : ["a worker that exits"],
]);

async function within(report: Promise<unknown>): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout>;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(() => resolve("it hangs"), LIMIT);
  });
  return await Promise.race([report, timeout]).finally(() => {
    clearTimeout(timer);
  });
}

if (isMainThread) {
  const seen: Record<string, unknown> = {};
  for (const [name, report] of Object.entries(reports)) {
    if (!missing.has(name)) seen[name] = await within(report());
  }
  console.log(JSON.stringify(seen));
  if (Object.values(seen).includes("it hangs")) process.exit();
} else {
  await jobs[(workerData as Job | null)?.name ?? "exitAsWorker"]();
}
