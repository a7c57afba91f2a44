// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Waiters in a queue. */

import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "npm:fast-check@4.11.0";
import { WaitQueue } from "../../src/barrier/wait_queue.ts";
import { watch } from "../_helpers/barriers.ts";
import { flushMicrotasks, isPending } from "../_helpers/event_loop.ts";

Deno.test("WaitQueue.release() resolves the waiter that was added first", async () => {
  const queue = new WaitQueue<string>();
  queue.release("nobody");
  const waits = [queue.wait(), queue.wait()];
  assertEquals(queue.size, 2);
  queue.release("one");
  assertEquals(await waits[0], "one");
  assert(await isPending(waits[1]!));
  queue.release("two");
  assertEquals(await waits[1], "two");
  assertEquals(queue.size, 0);
});

Deno.test("WaitQueue.releaseAll() resolves every waiter", async () => {
  const queue = new WaitQueue<number>();
  const waits = Array.from({ length: 3 }, () => queue.wait());
  queue.releaseAll(1);
  assertEquals(await Promise.all(waits), [1, 1, 1]);
  assertEquals(queue.size, 0);
});

Deno.test("WaitQueue.rejectAll() rejects every waiter, or those of one owner", () => {
  const queue = new WaitQueue<number>();
  const owner = {};
  const outcomes: unknown[] = [];
  for (const whose of [owner, undefined, owner, {}]) {
    const index = outcomes.push("pending") - 1;
    queue.add(
      (value) => outcomes[index] = value,
      (reason) => outcomes[index] = reason,
      { owner: whose },
    );
  }
  queue.rejectAll("enough", owner);
  assertEquals(outcomes, ["enough", "pending", "enough", "pending"]);
  assertEquals(queue.size, 2);
  queue.release(1);
  assertEquals(outcomes, ["enough", 1, "enough", "pending"]);
  queue.rejectAll("over");
  assertEquals(outcomes, ["enough", 1, "enough", "over"]);
  assertEquals(queue.size, 0);
});

Deno.test("WaitQueue.wait() rejects with its signal's reason, and leaves the queue", async () => {
  const queue = new WaitQueue<number>();
  const controller = new AbortController();
  const before = queue.wait();
  const canceled = queue.wait(controller.signal);
  const after = queue.wait();
  controller.abort("enough");
  assertEquals(queue.size, 2);
  assertEquals(await canceled.catch((reason) => reason), "enough");
  queue.release(1);
  queue.release(2);
  assertEquals(await Promise.all([before, after]), [1, 2]);
});

Deno.test("WaitQueue.wait() calls 'onCancel' while the waiter is in the queue, which can save it", async () => {
  const queue = new WaitQueue<string>();
  const controller = new AbortController();
  const saved = queue.wait(controller.signal, (waiter) => {
    assert(waiter.waiting);
    assertEquals(queue.size, 1);
    queue.release("saved");
  });
  controller.abort("enough");
  assertEquals(await saved, "saved");
  assertEquals(queue.size, 0);
});

Deno.test("WaitQueue removes its listener from the signal of a waiter that is released", () => {
  const queue = new WaitQueue<number>();
  const signal = new AbortController().signal;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (
    ...args: Parameters<typeof removeEventListener>
  ) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  for (let i = 0; i < 3; i++) queue.wait(signal);
  assertEquals(listeners, 3);
  queue.release(1);
  assertEquals(listeners, 2);
  queue.releaseAll(1);
  assertEquals(listeners, 0);
});

Deno.test("WaitQueue.remove() takes a waiter out of any place, and settles nothing", async () => {
  for (let index = 0; index < 3; index++) {
    const queue = new WaitQueue<number>();
    const cancels = Array.from({ length: 3 }, () => new AbortController());
    const waits = cancels.map(({ signal }) =>
      queue.wait(signal, (waiter) => {
        queue.remove(waiter);
        assertFalse(waiter.waiting);
      })
    );
    cancels[index]!.abort();
    assertEquals(queue.size, 2);
    queue.releaseAll(1);
    assert(await isPending(waits.splice(index, 1)[0]!));
    assertEquals(await Promise.all(waits), [1, 1]);
  }
});

Deno.test("WaitQueue keeps its order, whoever leaves it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.constant("wait" as const),
          fc.constant("release" as const),
          fc.nat({ max: 20 }),
        ),
        { size: "medium" },
      ),
      async (steps) => {
        const queue = new WaitQueue<number>();
        const model: number[] = [];
        const expected: unknown[] = [];
        const watched: { outcome: unknown }[] = [];
        const controllers: AbortController[] = [];
        for (const [time, step] of steps.entries()) {
          if (step === "wait") {
            const controller = new AbortController();
            watched.push(watch(queue.wait(controller.signal)));
            controllers.push(controller);
            model.push(expected.push("pending") - 1);
          } else if (step === "release") {
            queue.release(time);
            const first = model.shift();
            if (first !== undefined) expected[first] = time;
          } else {
            controllers[step]?.abort("canceled");
            const index = model.indexOf(step);
            if (index < 0) continue;
            model.splice(index, 1);
            expected[step] = "canceled";
          }
          assertEquals(queue.size, model.length);
        }
        await flushMicrotasks();
        assertEquals(watched.map(({ outcome }) => outcome), expected);
      },
    ),
  );
});
