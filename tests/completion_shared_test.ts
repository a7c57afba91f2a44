// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assert,
  assertEquals,
  assertFalse,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { deadline } from "@std/async";
import fc from "npm:fast-check@4.11.0";
import { Completion, SharedCompletion } from "../completion.ts";
import { type Output, run } from "./_helpers/run.ts";
import { testdataCommand } from "./_helpers/scripts.ts";
import { test as unixTest } from "./_helpers/unix.ts";
import { assertTimesOut, countedSignal } from "./_helpers/signals.ts";

/** A worker, and what it has said. */
class Thread<Message> implements Disposable {
  readonly #worker: Worker;
  readonly #messages: Message[] = [];
  #heard = Promise.withResolvers<void>();

  constructor(module: string, data: unknown) {
    this.#worker = new Worker(
      new URL(`./testdata/${module}`, import.meta.url),
      { type: "module" },
    );
    this.#worker.onmessage = ({ data }) => {
      this.#messages.push(data);
      this.#heard.resolve();
    };
    this.#worker.postMessage(data);
  }

  async next(): Promise<Message> {
    while (this.#messages.length === 0) {
      this.#heard = Promise.withResolvers();
      await this.#heard.promise;
    }
    return this.#messages.shift()!;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** Starts a thread that makes a call. */
function start(
  call: string,
  { buffer }: SharedCompletion,
  answer?: SharedCompletion,
): Thread<"waiting" | "gone"> {
  return new Thread("shared_worker.ts", {
    buffer,
    answer: answer?.buffer,
    call,
  });
}

/** Runs a program of its own to its end. */
function runProgram(...args: string[]): Promise<Output> {
  return run(testdataCommand("completion_shared.ts", args, ["--allow-read"]), {
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(60_000), // one that hangs has failed
  });
}

Deno.test("SharedCompletion() is not done", () => {
  const completion = new SharedCompletion();
  assertFalse(completion.done);
  assertFalse(completion.tryWait());
});

Deno.test("SharedCompletion() throws without shared memory, and names the headers", () => {
  const { SharedArrayBuffer } = globalThis;
  Reflect.deleteProperty(globalThis, "SharedArrayBuffer");
  try {
    for (
      const create of [
        () => new SharedCompletion(),
        () => SharedCompletion.from(undefined as never),
      ]
    ) {
      const { message } = assertThrows(create, TypeError);
      assertStringIncludes(message, "Cross-Origin-Opener-Policy: same-origin");
      assertStringIncludes(
        message,
        "Cross-Origin-Embedder-Policy: require-corp",
      );
    }
  } finally {
    Object.assign(globalThis, { SharedArrayBuffer });
  }
});

Deno.test("SharedCompletion.from() shares the state", () => {
  const completion = new SharedCompletion();
  const same = SharedCompletion.from(completion.buffer);
  assertStrictEquals(same.buffer, completion.buffer);
  completion.complete();
  assert(same.tryWait());
  assertFalse(completion.done);
});

Deno.test("SharedCompletion.from() takes a buffer that is longer than need be", () => {
  const completion = SharedCompletion.from(new SharedArrayBuffer(4_097));
  completion.complete();
  assert(completion.tryWait());
});

Deno.test("SharedCompletion.from() refuses anything but a shared buffer", () => {
  for (
    const [buffer, received] of [
      [new ArrayBuffer(4), "ArrayBuffer"],
      [new Int32Array(new SharedArrayBuffer(4)), "Int32Array"],
      [new SharedCompletion(), "Object"],
      [undefined, "Undefined"],
      [null, "Null"],
    ]
  ) {
    assertThrows(
      () => SharedCompletion.from(buffer as unknown as SharedArrayBuffer),
      TypeError,
      `Cannot share a completion: the buffer must be a SharedArrayBuffer, received ${received}`,
    );
  }
});

Deno.test("SharedCompletion.from() refuses a buffer that is too short", () => {
  for (const length of [0, 3]) {
    assertThrows(
      () => SharedCompletion.from(new SharedArrayBuffer(length)),
      RangeError,
      `Cannot share a completion: the buffer must have at least 4 bytes, received ${length}`,
    );
  }
});

Deno.test("SharedCompletion refuses a buffer that holds no counter", async () => {
  const completion = new SharedCompletion();
  new Int32Array(completion.buffer)[0] = -5;
  const message =
    "Cannot share a completion: the buffer must contain a counter, received -5; pass the buffer of a SharedCompletion";
  for (
    const call of [
      () => SharedCompletion.from(completion.buffer),
      () => completion.done,
      () => completion.tryWait(),
      () => completion.waitSync(),
      () => completion.complete(),
    ]
  ) {
    assertThrows(call, RangeError, message);
  }
  await assertRejects(() => completion.wait(), RangeError, message);
});

Deno.test("SharedCompletion.wait() rejects when there no longer is a counter in the buffer", async () => {
  const completion = new SharedCompletion();
  const counter = new Int32Array(completion.buffer);
  const controller = new AbortController();
  const wait = completion.wait();
  const cancelled = completion.wait({ signal: controller.signal });
  Atomics.store(counter, 0, -5);
  controller.abort("enough");
  Atomics.notify(counter, 0);
  await assertRejects(() => wait, RangeError, "received -5");
  assertEquals(await cancelled.catch((reason) => reason), "enough");
});

Deno.test("SharedCompletion.wait() listens to its signal only while it waits", async () => {
  const completion = new SharedCompletion();
  const { signal, listeners } = countedSignal();
  const wait = completion.wait({ signal });
  assertEquals(listeners.size, 1);
  completion.complete();
  await wait;
  assertEquals(listeners.size, 0);
});

Deno.test("SharedCompletion.wait() waits for complete() in another thread", async () => {
  const completion = new SharedCompletion();
  const wait = completion.wait();
  using _thread = start("complete", completion);
  await wait;
  assertFalse(completion.done);
});

unixTest(
  "SharedCompletion.complete() releases a waiter when another waiting worker was terminated",
  async () => {
    const completion = new SharedCompletion();
    const terminated = start("wait and be busy", completion);
    assertEquals(await terminated.next(), "waiting");
    using thread = start("wait", completion);
    assertEquals(await thread.next(), "waiting");
    terminated[Symbol.dispose]();
    completion.complete();
    assertEquals(await deadline(thread.next(), 60_000), "gone");
  },
);

Deno.test("SharedCompletion.wait() rejects for anything but a signal, and takes nothing", async () => {
  const completion = new SharedCompletion();
  const signal = "1 s" as unknown as AbortSignal;
  await assertRejects(() => completion.wait({ signal }), TypeError);
  completion.complete();
  assert(completion.done);
});

Deno.test("SharedCompletion.wait() that was canceled swallows no wake-up of a blocked thread", async () => {
  const completion = new SharedCompletion();
  const answer = new SharedCompletion();
  const controller = new AbortController();
  const wait = completion.wait({ signal: controller.signal });
  using thread = start("wait and answer", completion, answer);
  assertEquals(await thread.next(), "waiting");
  controller.abort();
  completion.complete();
  assert(answer.waitSync({ timeout: 60_000 })); // one that hangs has failed
  await assertRejects(() => wait, DOMException);
});

Deno.test("SharedCompletion.wait() that was canceled leaves nothing in the engine's queue", async () => {
  const completion = new SharedCompletion();
  const controller = new AbortController();
  const wait = completion.wait({ signal: controller.signal });
  controller.abort();
  await assertRejects(() => wait, DOMException);
  assertEquals(Atomics.notify(new Int32Array(completion.buffer), 0), 0);
});

Deno.test("SharedCompletion.wait() with AbortSignal.timeout() takes none", async () => {
  const completion = new SharedCompletion();
  await assertTimesOut((options) => completion.wait(options));
  completion.complete();
  assert(completion.tryWait());
});

Deno.test("SharedCompletion.wait() keeps the process alive until another thread completes", async () => {
  const output = await runProgram("thread");
  assertEquals(output, {
    code: 0,
    stdout: "gone\n",
    stderr: "",
  });
});

Deno.test("SharedCompletion.wait() alone keeps the process alive", async () => {
  const output = await runProgram("timer");
  assertEquals(output, {
    code: 0,
    stdout: "gone\n",
    stderr: "",
  });
});

Deno.test("SharedCompletion.wait() in a loop makes one timer, and lets the process end", async () => {
  const program = testdataCommand("counted_intervals.ts", [], []);
  const output = await run(program, {
    signal: AbortSignal.timeout(60_000), // one that hangs has failed
  });
  assertEquals(output, { code: 0, stdout: "1\n", stderr: "" });
});

Deno.test("SharedCompletion.wait() that was canceled lets the process end", async () => {
  const output = await runProgram("cancel");
  assertEquals(output, {
    code: 0,
    stdout: "cancelled\n",
    stderr: "",
  });
});

for (
  const what of ["was cancelled", "was served"]
) {
  Deno.test(`SharedCompletion.wait() that ${what} while a first timer was made lets Deno exit`, async () => {
    const output = await runProgram("first timer", what);
    assertEquals(output, { code: 0, stdout: "gone\n", stderr: "" });
  });
}

Deno.test("SharedCompletion.waitSync() blocks until another thread completes", () => {
  const completion = new SharedCompletion();
  using _thread = start("complete", completion);
  assert(completion.waitSync());
  assertFalse(completion.done);
});

Deno.test("SharedCompletion.waitSync() leaves what is for those who came before it", async () => {
  const completion = new SharedCompletion();
  const wait = completion.wait();
  completion.complete();
  assertFalse(completion.waitSync({ timeout: 0 }));
  await wait;
});

Deno.test("SharedCompletion.waitSync() waits the rest of its timeout after a wake-up for others", () => {
  const { wait } = Atomics;
  const timeouts: number[] = [];
  Atomics.wait = (...args: unknown[]) => {
    timeouts.push(Number(args[3]));
    const end = performance.now() + 5;
    while (performance.now() < end);
    return timeouts.length < 3 ? "ok" : "timed-out";
  };
  try {
    assertEquals(new SharedCompletion().waitSync({ timeout: 1_000 }), false);
  } finally {
    Atomics.wait = wait;
  }
  assertEquals(timeouts.length, 3);
  assertEquals(timeouts, timeouts.toSorted((a, b) => b - a));
  assertNotEquals(timeouts[2], timeouts[0]);
});

Deno.test("SharedCompletion.waitSync() returns false when the time is over, and takes none", () => {
  const completion = new SharedCompletion();
  assertFalse(completion.waitSync({ timeout: 0 }));
  assertFalse(completion.waitSync({ timeout: 1 }));
  completion.complete();
  assert(completion.waitSync({ timeout: 0 }));
  assertFalse(completion.done);
});

Deno.test("SharedCompletion.waitSync() refuses a timeout that is none", () => {
  const completion = new SharedCompletion();
  completion.complete();
  assertThrows(
    () => completion.waitSync({ timeout: "1" as unknown as number }),
    TypeError,
    "Cannot wait: 'timeout' must be a number of milliseconds, received a value of type string",
  );
  for (const timeout of [NaN, -1, -Infinity]) {
    assertThrows(
      () => completion.waitSync({ timeout }),
      RangeError,
      `Cannot wait: 'timeout' must be at least 0 milliseconds, received ${timeout}`,
    );
  }
  assert(completion.done);
});

Deno.test("SharedCompletion.waitSync() says so where the engine lets nobody block", () => {
  const { wait } = Atomics;
  // What a browser's main thread does.
  Atomics.wait = () => {
    throw new TypeError("Atomics.wait cannot be called in this context");
  };
  try {
    const completion = new SharedCompletion();
    const error = assertThrows(
      () => completion.waitSync(),
      TypeError,
      "Cannot wait: this thread must not be blocked; use wait() instead of waitSync()",
    );
    assert(error.cause instanceof TypeError);
    completion.complete();
    assert(completion.waitSync());
  } finally {
    Atomics.wait = wait;
  }
});

for (const call of ["wait", "waitSync"]) {
  Deno.test(`SharedCompletion.complete() lets exactly one thread go that is in ${call}()`, async () => {
    const completion = new SharedCompletion();
    using stack = new DisposableStack();
    const threads = [1, 2, 3].map(() => stack.use(start(call, completion)));
    for (const thread of threads) {
      assertEquals(await thread.next(), "waiting");
    }
    const waiting = new Map(
      threads.map((thread) => [thread, thread.next().then(() => thread)]),
    );
    while (waiting.size > 0) {
      completion.complete();
      waiting.delete(await Promise.race(waiting.values()));
    }
    assertFalse(completion.done);
  });

  Deno.test(`SharedCompletion.completeAll() lets all threads go that are in ${call}()`, async () => {
    const completion = new SharedCompletion();
    using stack = new DisposableStack();
    const threads = [1, 2, 3].map(() => stack.use(start(call, completion)));
    for (const thread of threads) {
      assertEquals(await thread.next(), "waiting");
    }
    completion.completeAll();
    for (const thread of threads) {
      assertEquals(await thread.next(), "gone");
    }
    await completion.wait();
    assert(completion.waitSync());
    completion.reinit();
    assertFalse(completion.done);
  });
}

Deno.test("SharedCompletion.complete() saturates", () => {
  const completion = new SharedCompletion();
  const counter = new Int32Array(completion.buffer);
  counter[0] = 2 ** 31 - 3;
  for (const expected of [2 ** 31 - 2, 2 ** 31 - 1, 2 ** 31 - 1]) {
    completion.complete();
    assertEquals(counter[0], expected);
  }
  assert(completion.tryWait()); // as after completeAll()
  assertEquals(counter[0], 2 ** 31 - 1);
});

Deno.test("completeAndExit() in a worker ends that worker alone, and no code runs there after it", async () => {
  // The process lives until the worker has ended.
  const output = await runProgram("exit of a thread");
  assertEquals(output, {
    code: 0,
    stdout: "done false\ngone\n",
    stderr: "",
  });
});

Deno.test("completeAndExit() in the main thread ends the process", async () => {
  const output = await runProgram("exit");
  assertEquals(output, {
    code: 3,
    stdout: "done false\n",
    stderr: "",
  });
});

type Call =
  | { name: "wait" | "tryWait" | "done" | "settle" }
  | { name: "complete" | "completeAll" | "reinit" }
  | { name: "cancel"; wait: number };

/** Makes calls, and returns all their results, in order. */
async function trace(
  completion: Completion | SharedCompletion,
  calls: Call[],
  settle: (waits: Promise<void>[], log: string[]) => Promise<void>,
): Promise<string[]> {
  const log: string[] = [];
  const controllers: AbortController[] = [];
  const waits: Promise<void>[] = [];
  for (const call of calls) {
    switch (call.name) {
      case "wait": {
        const id = controllers.length;
        const controller = new AbortController();
        controllers.push(controller);
        waits.push(
          completion.wait({ signal: controller.signal }).then(
            () => void log.push(`${id} is gone`),
            () => void log.push(`${id} is cancelled`),
          ),
        );
        break;
      }
      case "cancel":
        controllers[call.wait]?.abort();
        break;
      case "tryWait":
        log.push(`tryWait ${completion.tryWait()}`);
        break;
      case "done":
        log.push(`done ${completion.done}`);
        break;
      case "settle":
        await settle(waits, log);
        log.push("settled");
        break;
      default:
        completion[call.name]();
    }
  }
  return log;
}

Deno.test("SharedCompletion gives what Completion gives for the same calls", async () => {
  const call = fc.oneof(
    fc.record({ name: fc.constant("cancel"), wait: fc.nat(5) }),
    fc.record({
      name: fc.constantFrom(
        "wait",
        "wait",
        "wait",
        "tryWait",
        "done",
        "settle",
        "complete",
        "complete",
        "completeAll",
        "reinit",
      ),
    }),
  ) as fc.Arbitrary<Call>;
  const end: Call[] = [
    { name: "settle" },
    ...Array.from(
      { length: 30 },
      (_, wait): Call => ({ name: "cancel", wait }),
    ),
    { name: "settle" },
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
      const all = [...calls, ...end];
      /** The waits that each "settle" has settled. */
      const settled: number[][] = [];
      const expected = await trace(new Completion(), all, async (_, log) => {
        for (let i = 0; i < 10; i++) await undefined;
        settled.push(
          log.filter((line) => / is /.test(line)).map((line) => parseInt(line)),
        );
      });
      const actual = await trace(new SharedCompletion(), all, async (waits) => {
        await Promise.all(settled.shift()!.map((id) => waits[id]));
      });
      assertEquals(actual, expected);
    }),
    { numRuns: 500 },
  );
});

Deno.test("SharedCompletion accounts for every completion of 80,000 operations in 4 threads", async () => {
  const completion = new SharedCompletion();
  using stack = new DisposableStack();
  const threads = [1, 2, 3, 4].map((seed) =>
    stack.use(
      new Thread<{ posted: number; taken: number; waiting: number }>(
        "stress_worker.ts",
        { buffer: completion.buffer, operations: 20_000, seed },
      ),
    )
  );
  const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
  const reports = () => Promise.all(threads.map((thread) => thread.next()));

  const done = await reports();
  const waiting = sum(done.map((report) => report.waiting));
  for (let i = 0; i < waiting; i++) completion.complete();
  const posted = sum(done.map((report) => report.posted)) + waiting;

  // Who still waits here has lost a wake-up.
  const ended = await deadline(reports(), 60_000);
  const taken = sum(ended.map((report) => report.taken));

  let left = 0;
  while (completion.tryWait()) left++;
  assertEquals(taken + left, posted);
});
