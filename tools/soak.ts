// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * The long form of the tests that try what nobody thought of: storms, hostile
 * peers, all programs of four calls, traces, exits, limits, stops and leaks. It
 * prints a command that does the same again, and exits with 1 if anything is not
 * as it should be.
 *
 * - `--seed=N` does what was done with that seed.
 * - `--only=storms,hostile` does these alone.
 * - `--scale=0.01` does a hundredth of it.
 * - `--minutes=60` starts over, with other seeds, until the time is up.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { checkOneSide, checkPairs } from "../tests/_helpers/exhaustive.ts";
import { checkExits } from "../tests/_helpers/exits.ts";
import {
  checkHostile,
  checkHostileChildren,
  checkReadyLines,
} from "../tests/_helpers/hostile.ts";
import {
  crashTogether,
  GROWTH_MAX,
  measureLeaks,
  placeUnread,
  readFlood,
} from "../tests/_helpers/limits.ts";
import { checkProcessTraces } from "../tests/_helpers/process_traces.ts";
import { checkStops } from "../tests/_helpers/running_example.ts";
import { checkStorms, Random } from "../tests/_helpers/storm.ts";

/** What a part is given. */
interface Round {
  seed: number;
  /** Makes a number smaller or larger, as the user asked for. */
  scaled(count: number): number;
  log(line: string): void;
}

const CHANNELS = ["fd", "stdio"] as const;

/** The parts; each gives what it did, or throws. */
const PARTS: Record<string, (round: Round) => Promise<string>> = {
  async storms({ seed, scaled, log }) {
    const count = scaled(2_000);
    for (const channel of CHANNELS) {
      await checkStorms({ seed, count, channel, log });
    }
    return `${count} storms a channel`;
  },
  async hostile({ seed, scaled }) {
    const cases = scaled(1_000_000);
    await checkHostile({ seed, cases });
    const children = scaled(1_000);
    for (const source of ["fd", "stdout"] as const) {
      await checkHostileChildren(source, { seed, cases: children });
    }
    await checkReadyLines({ seed, cases: children });
    return `${cases} streams of a hostile peer, ${children} of children each way`;
  },
  async exhaustive({ scaled, log }) {
    const isWhole = scaled(1_000) >= 1_000;
    const [calls, pairCalls] = isWhole ? [4, 3] : [3, 2];
    let runs = 0;
    for (const barriers of [0, 2]) {
      for (const inOneTurn of [false, true]) {
        runs += await checkOneSide(calls, { barriers, inOneTurn, log });
      }
    }
    const pairs = await checkPairs(pairCalls, false, log);
    return `${runs} runs of programs of ${calls} calls, ${pairs} of pairs of ${pairCalls}`;
  },
  async traces({ scaled }) {
    const count = await checkProcessTraces(Math.ceil(3_000 / scaled(3_000)));
    return `${count} traces of systemd's barrier with a child`;
  },
  async exits({ scaled }) {
    const count = scaled(20_000);
    for (const channel of CHANNELS) {
      await checkExits({ channel, count, hogs: 2 });
    }
    return `${count} exits a channel next to two processes that compute`;
  },
  async limits({ scaled }) {
    const [children, newlines] = [scaled(300), scaled(1_000_000_000)];
    const barriers = scaled(1_000_000);
    await crashTogether(children);
    const grown = await readFlood(newlines);
    if (grown > 128 * 1024 * 1024) throw new Error(`It took ${grown} bytes`);
    for (const channel of CHANNELS) await placeUnread(channel, barriers);
    return `${children} children of which half crashed, ${newlines} newlines, ${barriers} barriers unread`;
  },
  async stops({ seed, scaled, log }) {
    const count = scaled(100);
    const moments = new Random(seed);
    const random = () => moments.next();
    for (const example of ["services.ts", "dev.ts"] as const) {
      await checkStops({ example, count, random, log });
    }
    return `${count} stops of examples/services.ts and of examples/dev.ts`;
  },
  async leaks({ scaled }) {
    const count = scaled(1_000);
    const growths: number[] = [];
    for (const channel of CHANNELS) {
      const leaks = await measureLeaks(channel, count);
      const { descriptors, children, growth } = leaks;
      if (descriptors > 2 || children > 0 || growth > GROWTH_MAX) {
        throw new Error(`Left behind: ${JSON.stringify(leaks)}`);
      }
      growths.push(growth);
    }
    return `${count} children a channel, ${
      growths.map(Math.round).join(" and ")
    } bytes more for each`;
  },
};

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    only: { type: "string", default: Object.keys(PARTS).join(",") },
    scale: { type: "string", default: "1" },
    minutes: { type: "string", default: "0" },
  },
});
const names = values.only.split(",");
const scale = Number(values.scale);
const first = Number(
  values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1,
);
const deadline = performance.now() + Number(values.minutes) * 60_000;
for (const name of names) {
  if (!Object.hasOwn(PARTS, name)) {
    console.error(
      `There is no part "${name}", only ${Object.keys(PARTS).join(", ")}`,
    );
    Deno.exit(2);
  }
}

function print(line: string): void {
  const seconds = (performance.now() / 1_000).toFixed(0).padStart(5);
  console.log(`${seconds} s  ${line}`);
}

let rounds = 0;
do {
  // Storms take as many seeds as there are.
  const seed = (first + rounds * 10_000) % 2 ** 31;
  for (const name of names) {
    const again =
      `deno task soak --seed=${seed} --only=${name} --scale=${scale}`;
    print(again);
    try {
      const done = await PARTS[name]!({
        seed,
        scaled: (count) => Math.max(2, Math.round(count * scale)),
        log: print,
      });
      print(`ok: ${done}`);
    } catch (error) {
      console.error(error);
      print(`FAILED: ${again}`);
      Deno.exit(1);
    }
  }
  rounds++;
} while (performance.now() < deadline);
print(`All is well after ${rounds} rounds of ${names.join(", ")}`);
