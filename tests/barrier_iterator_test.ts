// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers taken one at a time. */

import {
  assert,
  assertEquals,
  assertLess,
  assertStrictEquals,
} from "@std/assert";
import { Barrier } from "../mod.ts";
import { isPending } from "./_helpers/event_loop.ts";
import { runTestdata } from "./_helpers/scripts.ts";
import { setUp } from "./_helpers/test_channel.ts";

Deno.test("Barrier gives both notes of two barriers that arrive together", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("+one\n+two\n");
  channel.hangUp();
  assertEquals(await Array.fromAsync(barrier), ["one", "two"]);
});

Deno.test("Barrier yields undefined for a barrier without a note, and the note of each other", async () => {
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

Deno.test("Barrier gives each of two pending iterations a barrier of its own, in order", async () => {
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

Deno.test("Barrier leaves the steps of another iterator pending when one returns", async () => {
  const { barrier, channel } = setUp();
  const [first, second] = [
    barrier[Symbol.asyncIterator](),
    barrier[Symbol.asyncIterator](),
  ];
  const step = second.next();
  await first.return!();
  assert(await isPending(step));
  channel.deliver("+one\n");
  assertEquals(await step, { done: false, value: "one" });
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

Deno.test("Barrier keeps little more than a mebibyte of a flood of notes, whatever they are", async () => {
  const { stdout } = await runTestdata("flood_of_notes.ts", [], [
    "--v8-flags=--expose-gc",
  ]);
  const growths = stdout.trim().split("\n").map(Number);
  assertEquals(growths.length, 6);
  for (const growth of growths) assertLess(growth, 1.25 * 1024 * 1024);
});

Deno.test("Barrier's iterator keeps nothing of a step that has ended", async () => {
  const { stdout } = await runTestdata("iterator_steps.ts", [], [
    "--v8-flags=--expose-gc",
  ]);
  assertLess(Number(stdout), 500_000); // 50 bytes a step
});

Deno.test("Barrier[Symbol.asyncIterator]() gives an iterator that is its own iterable", () => {
  const [parent] = Barrier.pair();
  const iterator = parent[Symbol.asyncIterator]();
  assertStrictEquals(iterator[Symbol.asyncIterator](), iterator);
});
