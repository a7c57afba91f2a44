// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Children that print, place barriers and end, on a machine that has something
 * else to do. Nothing that a child did before its end may be lost.
 *
 * @module
 */

import {
  type BarrierChannelKind,
  type BarrierProcess,
  spawnWithBarrier,
} from "../../mod.ts";
import { start } from "./run.ts";
import { childModule } from "./scripts.ts";

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

/** A child that was started, and how much it prints. */
interface Started {
  child: BarrierProcess;
  size: number;
  /** What is said of it if something is lost. */
  name: string;
}

/** Starts a Deno module, which takes much longer than a shell. */
function startModule(channel: BarrierChannelKind, number: number): Started {
  const size = 1_024;
  // Over "fd", what exceeds a few barriers is written at the end of a turn.
  const end = number % 2 === 0
    ? "await undefined; Deno.kill(Deno.pid, 'SIGKILL');"
    : "process.exit(7);";
  const module = childModule(
    channel,
    `
    console.log("x".repeat(${size - 1}));
    for (let i = 0; i < ${BARRIERS}; i++) barrier.place(String(i));
    ${end}
    `,
  );
  const child = spawnWithBarrier(module, {
    channel,
    stdout: "piped",
    permissions: "all",
  });
  return { child, size, name: `a module that ended by "${end}"` };
}

function startShell(channel: BarrierChannelKind, number: number): Started {
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
  const child = spawnWithBarrier(["sh", "-c", script], {
    channel,
    stdout: "piped",
    stderr: "null",
  });
  return { child, size, name: `a shell that ended by "${end}"` };
}

/** Every how many-th child is a module. */
const MODULES = 10;

async function checkExit(
  channel: BarrierChannelKind,
  number: number,
): Promise<void> {
  const started = number % MODULES === MODULES - 1
    ? startModule(channel, Math.floor(number / MODULES))
    : startShell(channel, number);
  await using child = started.child;
  const { size, name } = started;
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
      `Of child ${number} over "${channel}", ${name}, ${notes.length} of ${BARRIERS} barriers and ${printed} of ${size} bytes arrived`,
    );
  }
}

const EXPECTED = Array.from({ length: BARRIERS }, (_, i) => i).join();
