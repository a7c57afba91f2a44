// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Children that print, place barriers and end, on a machine that has something
 * else to do. Nothing that a child did before its end may be lost.
 *
 * @module
 */

import { type BarrierChannelKind, spawnWithBarrier } from "../../mod.ts";
import { start } from "./run.ts";

/** What {@linkcode checkExits} does. */
export interface ExitsOptions {
  channel: BarrierChannelKind;
  /** How many children end. */
  count: number;
  /** How many run at the same time. */
  together?: number;
  /** How many processes do nothing but compute meanwhile. */
  hogs?: number;
}

/** How a child ends, and what holds its pipes longer than it lives. */
const ENDS = [
  "kill -KILL $$",
  "exit 7",
  "sleep 1 & kill -KILL $$",
  "sleep 1 & exit 7",
] as const;

const OUTPUTS = [0, 1_024, 100_000] as const;

/** How many barriers a child places. */
const BARRIERS = 30;

/**
 * Lets children end.
 *
 * @throws {Error} If one placed or printed what did not arrive.
 */
export async function checkExits(
  { channel, count, together = 4, hogs = 0 }: ExitsOptions,
): Promise<void> {
  const computing = Array.from(
    { length: hogs },
    () => start([Deno.execPath(), "eval", "for (;;);"]),
  );
  let next = 0;
  const work = async () => {
    while (next < count) await checkExit(channel, next++);
  };
  try {
    await Promise.all(Array.from({ length: together }, work));
  } finally {
    for (const process of computing) {
      process.kill("SIGKILL");
      await process.output();
    }
  }
}

async function checkExit(
  channel: BarrierChannelKind,
  number: number,
): Promise<void> {
  const end = ENDS[number % ENDS.length]!;
  const size = OUTPUTS[Math.floor(number / ENDS.length) % OUTPUTS.length]!;
  const place = channel === "stdio"
    ? `printf '\\036+%s\\n' $i`
    : `echo "+$i" >&3`;
  const script = `
    head -c ${size} /dev/zero
    i=0; while [ $i -lt ${BARRIERS} ]; do ${place}; i=$((i + 1)); done
    ${end}
  `;
  await using child = spawnWithBarrier(["sh", "-c", script], {
    channel,
    stdout: "piped",
    stderr: "null",
  });
  const reader = child.stdout.getReader();
  const read = async () => {
    let length = 0;
    while (length < size) {
      const { value, done } = await reader.read();
      if (done) break;
      length += value.length;
    }
    await reader.cancel();
    return length;
  };
  const [notes, printed] = await Promise.all([Array.fromAsync(child), read()]);
  if (notes.join() !== EXPECTED || printed !== size) {
    throw new Error(
      `Child ${number} over "${channel}" ended by "${end}": ${notes.length} of ${BARRIERS} barriers and ${printed} of ${size} bytes arrived`,
    );
  }
}

const EXPECTED = Array.from({ length: BARRIERS }, (_, i) => i).join();
