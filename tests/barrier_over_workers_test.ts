// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers over workers, and in them. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertStringIncludes,
} from "@std/assert";
import { Barrier } from "../barrier.ts";
import {
  barrierModule,
  runBarrierOver,
  runBarrierProgram,
} from "./_helpers/scripts.ts";

function startWorker(body: string): Worker {
  return new Worker(barrierModule(body), { type: "module" });
}

Deno.test("Barrier.over() a Worker goes both ways, and either side hangs up", async () => {
  const worker = new Worker(
    import.meta.resolve("./testdata/barrier_worker.ts"),
    { type: "module", name: "both hang up" },
  );
  using first = Barrier.over(worker);
  first.place("this");
  assert(await first.sync());
  assertEquals(first.note, "got this");
  assertFalse(await first.waitNext());

  const second = Barrier.over(worker);
  assert(await second.waitNext());
  const { promise, resolve } = Promise.withResolvers<unknown>();
  worker.onmessage = ({ data }) => resolve(data);
  second.destroy();
  assertEquals(await promise, "hung up");
  worker.terminate();
});

Deno.test("Barrier.place() in a worker arrives when its next call ends that worker", async () => {
  for (const end of ["self.close()", "Deno.exit()"]) {
    const worker = startWorker(`
      const parent = Barrier.over(self, { role: "child" });
      parent.place();
      parent.place("last");
      ${end};
    `);
    using barrier = Barrier.over(worker);
    barrier.place();
    barrier.place();
    assert(await barrier.sync());
    assertEquals(barrier.note, "last");
    worker.terminate();
  }
});

Deno.test("Barrier.destroy() ends the waits for a worker that was terminated", async () => {
  const worker = startWorker(`
    Barrier.over(self, { role: "child" }).place();
  `);
  const barrier = Barrier.over(worker);
  assert(await barrier.waitNext());
  const waits = [barrier.waitNext(), barrier.waitAbortion()];
  worker.terminate();
  barrier.destroy();
  assertEquals(await Promise.all(waits), [false, false]);
});

Deno.test("Barrier.over() a Worker takes an uncaught error for a hang-up, after what was placed", async () => {
  const { code, stdout, stderr } = await runBarrierOver("worker with an error");
  assertEquals(
    stdout,
    "true last\nfalse\nWorker failed: Uncaught (in promise) Error: on purpose\n",
  );
  assertStringIncludes(stderr, "Error: on purpose");
  assertEquals(code, 0);
});

Deno.test("Barrier.over() a Worker keeps the program from an error after the worker's hang-up", async () => {
  const { code, stdout, stderr } = await runBarrierOver("worker that hung up");
  assertEquals(stdout, "true false\n");
  assertStringIncludes(stderr, "Error: on purpose");
  assertEquals(code, 0);
});

Deno.test("Barrier.over() a Worker that hung up keeps out of the next barrier's way", async () => {
  const worker = startWorker(`
    Barrier.over(self, { role: "child" }).destroy();
    const parent = Barrier.over(self, { role: "child" });
    parent.place(String(await parent.waitNext()) + " " + parent.note);
  `);
  const first = Barrier.over(worker);
  await new Promise<void>((resolve) => {
    first.signal.addEventListener("abort", () => {
      first.place("stray");
      first.destroy();
      resolve();
    });
  });
  using second = Barrier.over(worker);
  second.place("mine");
  assert(await second.sync());
  assertEquals(second.note, "true mine");
  worker.terminate();
});

Deno.test("Barrier.destroy() leaves the errors of a Worker to others", () => {
  const worker = startWorker("");
  const barrier = Barrier.over(worker);
  barrier.destroy();
  const event = new ErrorEvent("error", { cancelable: true });
  worker.dispatchEvent(event);
  assertFalse(event.defaultPrevented);
  worker.terminate();
});

Deno.test("Barrier.over() a Worker whose module is missing sees a hang-up", async () => {
  const { code, stdout } = await runBarrierProgram(`
    const worker = new Worker("file:///nowhere.ts", { type: "module" });
    const barrier = Barrier.over(worker);
    console.log(await barrier.waitNext());
    console.log(barrier.signal.reason.message);
  `);
  assertStringIncludes(
    stdout,
    "false\nWorker failed: ",
  );
  assertStringIncludes(stdout, "nowhere.ts");
  assertEquals(code, 0);
});
