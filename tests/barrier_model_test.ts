// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Any calls in any order, against a model of the rules. */

import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.11.0";
import { flushMicrotasks } from "./_helpers/event_loop.ts";
import {
  type Event,
  lineOf,
  type Message,
  Model,
  Subject,
} from "./_helpers/model.ts";
import { setUp, type TestChannel } from "./_helpers/test_channel.ts";

const calls = <T extends string>(...names: T[]) =>
  fc.constantFrom(...names).map((call) => ({ call }));

const notes: fc.Arbitrary<Message[]> = fc.array(
  fc.record({ note: fc.constantFrom(undefined, "one", "two") }),
  { minLength: 1, maxLength: 3 },
);

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 8,
    arbitrary: calls("waitNext", "syncNext", "sync", "waitAbortion"),
  },
  { weight: 4, arbitrary: calls("step", "receive") },
  { weight: 4, arbitrary: calls("place") },
  { weight: 5, arbitrary: fc.record({ arrived: notes }) },
  {
    weight: 4,
    arbitrary: fc.nat({ max: 12 }).map((wait) => ({
      call: "cancel" as const,
      wait,
    })),
  },
  { weight: 1, arbitrary: calls("abort", "destroy") },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Message>("abortion", "hangUp")
      .map((message) => ({ arrived: [message] })),
  },
);

function deliver(channel: TestChannel, messages: Message[]): void {
  const lines = messages.filter((message) => message !== "hangUp").map(lineOf);
  if (lines.length > 0) channel.deliver(lines.join(""));
  if (messages.includes("hangUp")) channel.hangUp();
}

Deno.test("Barrier follows its rules for any calls, arrivals and cancels", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { maxLength: 40, size: "max" }),
      async (events) => {
        const model = new Model();
        const { barrier, channel } = setUp();
        const subject = new Subject(barrier);
        for (const event of events) {
          if ("arrived" in event) {
            if (model.hungUp) continue;
            deliver(channel, event.arrived);
            model.apply(event);
          } else {
            assertEquals(subject.apply(event), model.apply(event));
          }
          await flushMicrotasks();
          assertEquals(subject.state, model.state);
          const isReferenced = channel.calls.findLast((call) =>
            call.endsWith("ref")
          ) === "ref";
          assertEquals(isReferenced, model.isWaiting);
        }
        assertEquals(
          channel.sent,
          model.sent.filter((message) => message !== "hangUp").map(lineOf)
            .join(""),
        );
        assertEquals(channel.calls.includes("close"), model.destroyed);
      },
    ),
    { numRuns: 2_000 },
  );
});

/** A sync that had something reserved is canceled, and then who would get it. */
const CANCELLED_TOGETHER: Event[] = [
  { call: "place" },
  { call: "place" },
  { call: "sync" },
  { arrived: [{ note: undefined }] },
  { call: "waitNext" },
  { call: "cancel", wait: 0 },
  { call: "cancel", wait: 1 },
];

Deno.test("Barrier follows its rules for any calls, arrivals and cancels in one turn", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { maxLength: 40, size: "max" }),
      async (events) => {
        const model = new Model();
        const { barrier, channel } = setUp();
        const subject = new Subject(barrier);
        for (const event of events) {
          if (!("arrived" in event)) {
            assertEquals(subject.apply(event), model.apply(event));
          } else if (!model.hungUp) {
            deliver(channel, event.arrived);
            model.apply(event);
          }
        }
        await flushMicrotasks();
        assertEquals(subject.state, model.state);
      },
    ),
    { numRuns: 4_000, examples: [[CANCELLED_TOGETHER]] },
  );
});
