// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Any calls in any order, against a model of the rules. */

import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@^4";
import { watch } from "./_helpers/barriers.ts";
import { flushMicrotasks } from "./_helpers/event_loop.ts";
import { setUp } from "./_helpers/test_channel.ts";

type Wait = "waitNext" | "syncNext" | "sync" | "waitAbortion";
type Command =
  | { call: Wait | "place" | "abort" | "abortion" | "hangUp" | "destroy" }
  | { call: "arrive"; count: number }
  | { call: "cancel"; index: number };

/**
 * The rules as the documentation has them: a sync takes what arrives while it
 * is pending, and gives it back when it is cancelled.
 */
class Model {
  barriers = 0;
  pending = 0;
  /** What pending syncs took, and nobody else. */
  lent = 0;
  iAborted = false;
  theyAborted = false;
  hungUp = false;
  destroyed = false;
  readonly waits: { call: Wait; outcome: unknown }[] = [];

  get outcomes(): unknown[] {
    return this.waits.map(({ outcome }) => outcome);
  }

  run(command: Command): void {
    switch (command.call) {
      case "place":
        if (!this.#over()) this.barriers++;
        return;
      case "abort":
        if (this.destroyed) return;
        this.iAborted = true;
        return this.#end(false, "waitNext", "syncNext", "sync");
      case "arrive":
        if (this.theyAborted || this.hungUp || this.destroyed) return;
        this.pending += command.count;
        return this.#serve();
      case "abortion":
        if (!this.hungUp && !this.destroyed) this.#theyAbort();
        return;
      case "hangUp":
        if (this.destroyed) return;
        this.hungUp = true;
        if (this.outcomes.includes("pending")) this.#theyAbort();
        return;
      case "destroy":
        this.destroyed = true;
        return this.#end(false, "waitNext", "syncNext", "sync", "waitAbortion");
      case "cancel": {
        const wait = this.waits[command.index];
        if (wait?.outcome !== "pending") return;
        wait.outcome = "cancelled";
        if (this.#has("sync")) return;
        this.barriers += this.lent;
        this.pending += this.lent;
        this.lent = 0;
        return this.#serve();
      }
      default:
        this.waits.push({ call: command.call, outcome: "pending" });
        this.waits.at(-1)!.outcome = this.#wait(command.call);
    }
  }

  #wait(call: Wait): unknown {
    if (this.destroyed) return false;
    if (call === "waitAbortion") {
      if (this.hungUp) this.#theyAbort();
      return this.theyAborted ? !this.iAborted : "pending";
    }
    if (this.#over()) return false;
    if (call !== "waitNext" && this.barriers <= 0) return true;
    if (this.pending > 0) {
      this.#serve();
      if (call !== "sync" || this.barriers <= 0) return true;
    }
    if (this.hungUp) {
      this.#theyAbort();
      return false;
    }
    return "pending";
  }

  #serve(): void {
    const next = this.#has("waitNext", "syncNext");
    if (this.pending === 0 || !next && !this.#has("sync")) return;
    this.barriers -= this.pending;
    this.lent = next ? 0 : this.lent + this.pending;
    this.pending = 0;
    this.#end(true, "waitNext", "syncNext");
    if (this.barriers > 0) return;
    this.lent = 0;
    this.#end(true, "sync");
  }

  #over(): boolean {
    return this.iAborted || this.theyAborted || this.destroyed;
  }

  #theyAbort(): void {
    this.theyAborted = true;
    this.#end(false, "waitNext", "syncNext", "sync");
    this.#end(!this.iAborted, "waitAbortion");
  }

  #has(...calls: Wait[]): boolean {
    return this.waits.some(({ call, outcome }) =>
      outcome === "pending" && calls.includes(call)
    );
  }

  #end(result: boolean, ...calls: Wait[]): void {
    for (const wait of this.waits) {
      if (wait.outcome === "pending" && calls.includes(wait.call)) {
        wait.outcome = result;
      }
    }
  }
}

Deno.test("Barrier follows its rules for any calls, arrivals and cancels", async () => {
  const calls = <T extends string>(...names: T[]) =>
    fc.constantFrom(...names).map((call) => ({ call }));
  const command: fc.Arbitrary<Command> = fc.oneof(
    {
      weight: 8,
      arbitrary: calls("waitNext", "syncNext", "sync", "waitAbortion"),
    },
    { weight: 4, arbitrary: calls("place") },
    {
      weight: 4,
      arbitrary: fc.record({
        call: fc.constant("arrive"),
        count: fc.integer({ min: 1, max: 3 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        call: fc.constant("cancel"),
        index: fc.nat({ max: 12 }),
      }),
    },
    { weight: 1, arbitrary: calls("abort", "abortion", "hangUp", "destroy") },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { maxLength: 40, size: "max" }),
      async (commands) => {
        const model = new Model();
        const { barrier, channel } = setUp();
        const controllers: AbortController[] = [];
        const waits: { outcome: unknown }[] = [];
        for (const command of commands) {
          switch (command.call) {
            case "arrive":
              if (!model.hungUp) channel.deliver("\n".repeat(command.count));
              break;
            case "abortion":
              if (!model.hungUp) channel.deliver("abort\n");
              break;
            case "hangUp":
              channel.hangUp();
              break;
            case "cancel":
              controllers[command.index]?.abort("cancelled");
              break;
            case "place":
            case "abort":
            case "destroy":
              barrier[command.call]();
              break;
            default: {
              const controller = new AbortController();
              controllers.push(controller);
              waits.push(
                watch(barrier[command.call]({ signal: controller.signal })),
              );
            }
          }
          model.run(command);
          await flushMicrotasks();
          assertEquals(waits.map(({ outcome }) => outcome), model.outcomes);
          assertEquals(barrier.iAborted, model.iAborted);
          assertEquals(barrier.theyAborted, model.theyAborted);
          assertEquals(
            channel.calls.filter((call) => call.endsWith("ref")).at(-1) ===
              "ref",
            model.outcomes.includes("pending"),
          );
        }
      },
    ),
    { numRuns: 1_000 },
  );
});
