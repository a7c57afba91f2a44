// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers taken one at a time. */

import {
  assert,
  assertEquals,
  assertLess,
  assertStrictEquals,
} from "@std/assert";
import fc from "npm:fast-check@^4";
import { Barrier } from "../mod.ts";
import { watch } from "./_helpers/barriers.ts";
import { flushMicrotasks, isPending } from "./_helpers/event_loop.ts";
import { run } from "./_helpers/run.ts";
import { dataUrl, json } from "./_helpers/scripts.ts";
import { setUp } from "./_helpers/test_channel.ts";

Deno.test("Barrier gives both notes of two barriers that arrive together", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("+one\n+two\n");
  channel.hangUp();
  assertEquals(await Array.fromAsync(barrier), ["one", "two"]);
});

Deno.test("Barrier gives undefined for a barrier without a note, and the note of each other", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("\n+one\n\n\n+\n");
  channel.hangUp();
  assertEquals(await Array.fromAsync(barrier), [
    undefined,
    "one",
    undefined,
    undefined,
    "",
  ]);
  assertEquals(barrier.note, "");
});

Deno.test("Barrier leaves what an iteration did not come to for waits and other iterations", async () => {
  const { barrier, channel } = setUp({ barriers: 4 });
  channel.deliver("+one\n+two\n+three\n+four\n");
  for await (const note of barrier) {
    assertEquals(note, "one");
    break;
  }
  for await (const note of barrier) {
    assertEquals(note, "two");
    break;
  }
  assert(await barrier.sync());
  assertEquals(barrier.note, "four");
});

Deno.test("Barrier gives each of two pending iterations a barrier of its own, first come, first served", async () => {
  const { barrier, channel } = setUp();
  const first = barrier[Symbol.asyncIterator]();
  const second = barrier[Symbol.asyncIterator]();
  const steps = [first.next(), second.next(), first.next()];
  channel.deliver("+one\n+two\n");
  assertEquals(await steps[0], { done: false, value: "one" });
  assertEquals(await steps[1], { done: false, value: "two" });
  assert(await isPending(steps[2]!));
  channel.deliver("+three\n");
  assertEquals(await steps[2], { done: false, value: "three" });
});

Deno.test("Barrier cancels a pending step by return(), which takes nothing of what arrives later", async () => {
  const { barrier, channel } = setUp();
  const iterator = barrier[Symbol.asyncIterator]();
  const step = iterator.next();
  assertEquals(channel.calls, ["open", "ref"]);
  assertEquals(await iterator.return!(), { done: true, value: undefined });
  assertEquals(await step, { done: true, value: undefined });
  assertEquals(channel.calls, ["open", "ref", "unref"]);
  assertEquals(await iterator.next(), { done: true, value: undefined });
  channel.deliver("+later\n");
  assert(await barrier.waitNext());
  assertEquals(barrier.note, "later");
});

for (
  const [what, end] of [
    ["an abortion of the peer", ({ channel }) => channel.deliver("abort\n")],
    ["an abortion", ({ barrier }) => barrier.abort()],
    ["a hang-up", ({ channel }) => channel.hangUp()],
    ["destroy()", ({ barrier }) => barrier.destroy()],
  ] as [string, (fixture: ReturnType<typeof setUp>) => void][]
) {
  Deno.test(`Barrier ends an iteration by ${what}, pending or not`, async () => {
    const fixture = setUp();
    const iterator = fixture.barrier[Symbol.asyncIterator]();
    const pending = iterator.next();
    end(fixture);
    assertEquals(await pending, { done: true, value: undefined });
    assertEquals(await Array.fromAsync(fixture.barrier), []);
  });
}

Deno.test("Barrier keeps a mebibyte of notes that nobody takes, the newest, and forgets no barrier", async () => {
  const { barrier, channel } = setUp();
  const note = (i: number) => `${i} ${"x".repeat(1_000)}`;
  const count = 3_000;
  for (let i = 0; i < count; i++) channel.deliver(`+${note(i)}\n`);
  channel.hangUp();
  const notes = await Array.fromAsync(barrier);
  assertEquals(notes.length, count);
  const kept = notes.filter((note) => note !== undefined);
  assert(kept.length > 900 && kept.length < 1_049, String(kept.length));
  assertEquals(kept, notes.slice(-kept.length));
  assertEquals(kept.at(-1), note(count - 1));
});

Deno.test("Barrier stays within a mebibyte in a flood of notes", async () => {
  const { stdout } = await run([
    Deno.execPath(),
    "run",
    "--v8-flags=--expose-gc",
    dataUrl(`
      import { Barrier } from ${json(import.meta.resolve("../barrier.ts"))};
      let receiver;
      new Barrier({ open: (opened) => receiver = opened });
      const flood = new TextEncoder().encode("+n\\n".repeat(100_000));
      gc();
      const before = Deno.memoryUsage().heapUsed;
      for (let i = 0; i < 20; i++) receiver.receive(flood);
      gc();
      console.log(Deno.memoryUsage().heapUsed - before);
    `),
  ]);
  assertLess(Number(stdout), 1024 * 1024);
});

Deno.test("Barrier[Symbol.asyncIterator]() gives an iterator that is its own iterable", () => {
  const [parent] = Barrier.pair();
  const iterator = parent[Symbol.asyncIterator]();
  assertStrictEquals(iterator[Symbol.asyncIterator](), iterator);
});

/** The rules, with the steps of iterations among all other calls. */
class Model {
  barriers = 0;
  /** The notes that have arrived and are free to take, and the reserved ones. */
  arrived: (string | undefined)[] = [];
  /** How many of them a pending sync has reserved. */
  reserved = 0;
  over = false;
  hungUp = false;
  readonly waits: { call: string; outcome: unknown }[] = [];

  pending(...calls: string[]): { call: string; outcome: unknown }[] {
    return this.waits.filter(({ call, outcome }) =>
      outcome === "pending" && calls.includes(call)
    );
  }

  end(): void {
    this.over = true;
    for (const wait of this.pending("waitNext", "syncNext", "sync")) {
      wait.outcome = false;
    }
    for (const wait of this.pending("step")) wait.outcome = "done";
  }

  arrive(notes: (string | undefined)[]): void {
    this.arrived.push(...notes);
    this.serve(notes.length);
  }

  serve(fresh: number): void {
    for (const step of this.pending("step")) {
      if (fresh-- === 0) break;
      step.outcome = this.takeOne();
    }
    const isSynced = this.pending("sync").length > 0 &&
      this.barriers <= this.arrived.length;
    if (isSynced || this.pending("waitNext", "syncNext").length > 0) {
      this.takeAll();
    }
    this.reserved = this.pending("sync").length > 0 ? this.arrived.length : 0;
    if (!isSynced) return;
    for (const wait of this.pending("sync")) wait.outcome = true;
    this.reserved = 0;
  }

  takeOne(): string | undefined {
    this.barriers--;
    return this.arrived.shift();
  }

  takeAll(): void {
    this.barriers -= this.arrived.length;
    this.arrived = [];
    for (const wait of this.pending("waitNext", "syncNext")) {
      wait.outcome = true;
    }
  }

  call(call: string): void {
    const wait = { call, outcome: "pending" as unknown };
    const free = this.arrived.length - this.reserved;
    this.waits.push(wait);
    const no = call === "step" ? "done" : false;
    if (this.over) wait.outcome = no;
    else if (call.startsWith("sync") && this.barriers <= 0) wait.outcome = true;
    else if (call === "sync" && this.barriers <= this.arrived.length) {
      this.takeAll();
      wait.outcome = true;
    } else if (call !== "sync" && free > 0) {
      if (call === "step") wait.outcome = this.takeOne();
      else {
        this.takeAll();
        wait.outcome = true;
      }
    } else if (this.hungUp) {
      this.end();
      wait.outcome = no;
    } else if (call === "sync") this.reserved = this.arrived.length;
  }

  cancel(index: number): void {
    const wait = this.waits[index];
    if (wait?.outcome !== "pending") return;
    wait.outcome = wait.call === "step" ? "done" : "cancelled";
    if (this.pending("sync").length > 0) return;
    this.reserved = 0;
    if (this.arrived.length > 0) this.serve(this.arrived.length);
  }
}

Deno.test("Barrier follows its rules for any calls with iterations in between", async () => {
  const command = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ call: "step" }) },
    {
      weight: 6,
      arbitrary: fc.constantFrom("waitNext", "syncNext", "sync")
        .map((call) => ({ call })),
    },
    { weight: 4, arbitrary: fc.constant({ call: "place" }) },
    {
      weight: 5,
      arbitrary: fc.array(fc.boolean(), { minLength: 1, maxLength: 3 })
        .map((notes) => ({ call: "arrive", notes })),
    },
    {
      weight: 4,
      arbitrary: fc.nat({ max: 12 }).map((index) => ({
        call: "cancel",
        index,
      })),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom("abort", "abortion", "hangUp", "destroy")
        .map((call) => ({ call })),
    },
  ) as fc.Arbitrary<{ call: string; notes?: boolean[]; index?: number }>;
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { maxLength: 40, size: "max" }),
      async (commands) => {
        const model = new Model();
        const { barrier, channel } = setUp();
        const cancels: (() => void)[] = [];
        const waits: { outcome: unknown }[] = [];
        let notes = 0;
        for (const { call, notes: arriving = [], index = 0 } of commands) {
          switch (call) {
            case "arrive": {
              if (model.hungUp || model.over) break;
              const arrived = arriving.map((has) =>
                has ? `note ${notes++}` : undefined
              );
              channel.deliver(
                arrived.map((note) => note ? `+${note}\n` : "\n").join(""),
              );
              model.arrive(arrived);
              break;
            }
            case "place":
              if (barrier.place()) model.barriers++;
              break;
            case "cancel":
              cancels[index]?.();
              model.cancel(index);
              break;
            case "abort":
              barrier.abort();
              model.end();
              break;
            case "abortion":
              if (model.hungUp) break;
              channel.deliver("abort\n");
              model.end();
              break;
            case "hangUp":
              channel.hangUp();
              model.hungUp = true;
              if (model.waits.some(({ outcome }) => outcome === "pending")) {
                model.end();
              }
              break;
            case "destroy":
              barrier.destroy();
              model.end();
              break;
            case "step": {
              const iterator = barrier[Symbol.asyncIterator]();
              cancels.push(() => void iterator.return!());
              waits.push(watch(
                iterator.next().then(({ done, value }) =>
                  done ? "done" : value
                ) as Promise<never>,
              ));
              model.call(call);
              break;
            }
            default: {
              const controller = new AbortController();
              cancels.push(() => controller.abort("cancelled"));
              waits.push(watch(
                barrier[call as "sync"]({ signal: controller.signal }),
              ));
              model.call(call);
            }
          }
          await flushMicrotasks();
          assertEquals(
            waits.map(({ outcome }) => outcome),
            model.waits.map(({ outcome }) => outcome),
          );
        }
      },
    ),
    { numRuns: 2_000 },
  );
});
