// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import fc from "npm:fast-check@4.11.0";
import { Completion } from "../completion.ts";
import { flushMicrotasks } from "./_helpers/event_loop.ts";
import { run } from "./_helpers/run.ts";
import { assertTimesOut, countedSignal } from "./_helpers/signals.ts";

/** Waiters of one completion, and what came of them. */
class Waiters {
  readonly #completion: Completion;
  readonly #controllers: AbortController[] = [];
  /** Those who were let go, in order. */
  readonly gone: number[] = [];
  /** Those who were canceled, in order. */
  readonly cancelled: number[] = [];

  constructor(completion: Completion, count = 0) {
    this.#completion = completion;
    for (let i = 0; i < count; i++) this.add();
  }

  add(): void {
    const id = this.#controllers.length;
    const controller = new AbortController();
    this.#controllers.push(controller);
    this.#completion.wait({ signal: controller.signal }).then(
      () => this.gone.push(id),
      (reason) => this.cancelled.push(reason),
    );
  }

  cancel(id: number): void {
    this.#controllers[id]?.abort(id);
  }
}

Deno.test("Completion() is not done", () => {
  const completion = new Completion();
  assertFalse(completion.done);
  assertFalse(completion.tryWait());
});

Deno.test("Completion.wait() waits for complete()", async () => {
  const completion = new Completion();
  const waiters = new Waiters(completion, 1);
  await flushMicrotasks();
  assertEquals(waiters.gone, []);
  completion.complete();
  assertFalse(completion.done);
  await flushMicrotasks();
  assertEquals(waiters.gone, [0]);
});

Deno.test("Completion.wait() takes a completion that was there before", async () => {
  const completion = new Completion();
  completion.complete();
  completion.complete();
  await completion.wait();
  assert(completion.done);
  await completion.wait({ signal: new AbortController().signal });
  assertFalse(completion.done);
});

Deno.test("Completion.wait() is served first come, first served", async () => {
  const completion = new Completion();
  const waiters = new Waiters(completion, 1_000);
  for (let count = 1; count <= 1_000; count++) {
    completion.complete();
    await flushMicrotasks();
    assertEquals(waiters.gone.length, count);
  }
  assertEquals(waiters.gone, Array.from({ length: 1_000 }, (_, id) => id));
});

Deno.test("Completion.wait() with an aborted signal rejects and takes nothing", async () => {
  const completion = new Completion();
  completion.complete();
  const reason = new Error("not now");
  const error = await assertRejects(
    () => completion.wait({ signal: AbortSignal.abort(reason) }),
    Error,
  );
  assertStrictEquals(error, reason);
  assert(completion.tryWait());
});

Deno.test("Completion.wait() rejects for anything but a signal, and takes nothing", async () => {
  const completion = new Completion();
  const signal = "1 s" as unknown as AbortSignal;
  await assertRejects(() => completion.wait({ signal }), TypeError);
  completion.complete();
  assert(completion.done);
});

Deno.test("Completion.wait() rejects with a TimeoutError when AbortSignal.timeout() fires", async () => {
  const completion = new Completion();
  await assertTimesOut((options) => completion.wait(options));
  completion.complete();
  assert(completion.tryWait());
});

Deno.test("Completion.wait() listens to its signal only while it waits", async () => {
  const completion = new Completion();
  const { signal, listeners } = countedSignal();
  for (const end of ["complete", "completeAll"] as const) {
    const wait = completion.wait({ signal });
    assertEquals(listeners.size, 1);
    completion[end]();
    await wait;
    assertEquals(listeners.size, 0);
  }
  await completion.wait({ signal });
  assertEquals(listeners.size, 0);
});

Deno.test("Completion.wait() that is canceled takes no completion and loses none, in any order", async () => {
  /** All ways to put some of the steps in order. */
  function* orders(steps: string[]): Generator<string[]> {
    yield [];
    for (const [i, step] of steps.entries()) {
      for (const rest of orders(steps.toSpliced(i, 1))) yield [step, ...rest];
    }
  }
  for (const pause of [async () => {}, flushMicrotasks]) {
    for (
      const order of orders(["0", "1", "2", "complete", "complete", "complete"])
    ) {
      const completion = new Completion();
      const waiters = new Waiters(completion, 3);
      const queue = [0, 1, 2];
      const gone: number[] = [];
      const cancelled: number[] = [];
      let left = 0;
      for (const step of order) {
        if (step === "complete") {
          completion.complete();
          const first = queue.shift();
          if (first === undefined) left++;
          else gone.push(first);
        } else {
          const id = Number(step);
          waiters.cancel(id);
          if (queue.includes(id)) {
            queue.splice(queue.indexOf(id), 1);
            cancelled.push(id);
          }
        }
        await pause();
      }
      await flushMicrotasks();
      assertEquals(waiters.gone, gone, order.join());
      assertEquals(waiters.cancelled, cancelled, order.join());
      for (; left > 0; left--) assert(completion.tryWait(), order.join());
      assertFalse(completion.done, order.join());
    }
  }
});

Deno.test("Completion.tryWait() takes one completion", () => {
  const completion = new Completion();
  completion.complete();
  completion.complete();
  assert(completion.tryWait());
  assert(completion.done);
  assert(completion.tryWait());
  assertFalse(completion.done);
  assertFalse(completion.tryWait());
});

Deno.test("Completion.complete() keeps its completion for later where nobody waits", async () => {
  const completion = new Completion();
  for (let i = 0; i < 3; i++) completion.complete();
  const waiters = new Waiters(completion, 4);
  await flushMicrotasks();
  assertEquals(waiters.gone, [0, 1, 2]);
  completion.complete();
  await flushMicrotasks();
  assertEquals(waiters.gone, [0, 1, 2, 3]);
  assertFalse(completion.done);
});

Deno.test("Completion.completeAll() lets all go, now and later", async () => {
  const completion = new Completion();
  const waiters = new Waiters(completion, 3);
  completion.completeAll();
  waiters.add();
  await flushMicrotasks();
  assertEquals(waiters.gone, [0, 1, 2, 3]);
  for (let i = 0; i < 1_000; i++) assert(completion.tryWait());
  assert(completion.done);
});

Deno.test("Completion.completeAll() is not undone by complete()", () => {
  const completion = new Completion();
  completion.completeAll();
  completion.complete();
  completion.completeAll();
  for (let i = 0; i < 10; i++) assert(completion.tryWait());
});

Deno.test("Completion.reinit() makes the completion not done again", async () => {
  for (const complete of ["complete", "completeAll"] as const) {
    const completion = new Completion();
    completion[complete]();
    completion.reinit();
    assertFalse(completion.done);
    assertFalse(completion.tryWait());

    const waiters = new Waiters(completion, 2);
    completion.complete();
    await flushMicrotasks();
    assertEquals(waiters.gone, [0]);
  }
});

Deno.test("Completion.reinit() leaves those alone who wait", async () => {
  const completion = new Completion();
  const waiters = new Waiters(completion, 2);
  completion.reinit();
  await flushMicrotasks();
  assertEquals(waiters.gone, []);
  completion.complete();
  completion.reinit();
  await flushMicrotasks();
  assertEquals(waiters.gone, [0]);
});

type Command =
  | { call: "wait" | "tryWait" | "complete" | "completeAll" | "reinit" }
  | { call: "cancel"; id: number };

Deno.test("Completion is a counter with a queue of waiters", async () => {
  const command: fc.Arbitrary<Command> = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ call: "wait" }) },
    { weight: 3, arbitrary: fc.constant({ call: "complete" }) },
    {
      weight: 3,
      arbitrary: fc.record({
        call: fc.constant("cancel"),
        id: fc.nat({ max: 15 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        { call: "tryWait" },
        { call: "completeAll" },
        { call: "reinit" },
      ),
    },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { maxLength: 50, size: "max" }),
      async (commands) => {
        const completion = new Completion();
        const waiters = new Waiters(completion);
        let count = 0;
        let known = 0;
        let queue: number[] = [];
        const gone: number[] = [];
        const cancelled: number[] = [];
        for (const command of commands) {
          switch (command.call) {
            case "wait":
              waiters.add();
              queue.push(known++);
              break;
            case "cancel":
              waiters.cancel(command.id);
              if (!queue.includes(command.id)) break;
              queue = queue.filter((id) => id !== command.id);
              cancelled.push(command.id);
              break;
            case "tryWait":
              assertEquals(completion.tryWait(), count > 0);
              if (count > 0) count--;
              break;
            case "complete":
              completion.complete();
              count++;
              break;
            case "completeAll":
              completion.completeAll();
              count = Infinity;
              break;
            case "reinit":
              completion.reinit();
              count = 0;
              break;
          }
          for (; count > 0 && queue.length > 0; count--) {
            gone.push(queue.shift()!);
          }
          await flushMicrotasks();
          assertEquals(waiters.gone, gone);
          assertEquals(waiters.cancelled, cancelled);
          assertEquals(completion.done, count > 0);
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

for (
  const { args, expected } of [
    { args: [], expected: 0 },
    { args: ["3"], expected: 3 },
  ]
) {
  Deno.test(`completeAndExit() completes and exits with ${expected}, and no code runs after it`, async () => {
    const module = import.meta.resolve("./testdata/complete_and_exit.ts");
    const { code, stdout, stderr } = await run(
      [Deno.execPath(), "run", "--no-lock", "--quiet", module, ...args],
    );
    assertEquals(stderr, "");
    assertEquals(stdout, "unloading\ncompleting\n");
    assertEquals(code, expected);
  });
}
