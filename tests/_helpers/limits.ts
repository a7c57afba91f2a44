// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Much of everything: children, barriers, bytes. The tests take some of it, and
 * `deno task soak` takes more.
 *
 * @module
 */

import {
  Barrier,
  type BarrierChannelKind,
  spawnWithBarrier,
} from "../../mod.ts";
import { start } from "./run.ts";
import { childModule, runTestdata, shell } from "./scripts.ts";

/** What a child may add to its parent's memory, in bytes: noise, and no object. */
export const GROWTH_MAX = 1024;

/** What a parent has come to that started and ended many children. */
export interface Leaks {
  /**
   * Descriptors that are open now and were not before. Deno opens two of its own
   * half a second after its start.
   */
  descriptors: number;
  /** Processes below it, dead ones included. */
  children: number;
  /** What keeps its event loop alive, and its timers. */
  resources: string[];
  /**
   * By how many bytes a child its memory grew in that quarter of them in which it
   * grew least. V8 makes code and tables at moments of its own, which are as
   * large as a leak of one quarter, but a leak is in all quarters.
   */
  growth: number;
}

/** Starts and ends children one after the other, in a parent of its own. */
export async function measureLeaks(
  channel: BarrierChannelKind,
  count: number,
): Promise<Leaks> {
  const { stdout, stderr } = await runTestdata(
    "leaks.ts",
    [channel, String(count)],
    ["--allow-all", "--v8-flags=--expose-gc"],
  );
  if (stderr !== "") throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Starts children of which every other one crashes, all in the same instant. */
export async function crashTogether(count: number): Promise<void> {
  const children = Array.from({ length: count }, (_, i) =>
    shell(
      `printf '\\036\\n'; read -r _; ${
        i % 2 ? "kill -9 $$" : "printf '\\036\\n'; read -r _; read -r _"
      }`,
      { channel: "stdio" },
    ));
  await using stack = new AsyncDisposableStack();
  for (const child of children) stack.use(child);
  await Promise.all(children.map((child) => child.ready()));
  for (const child of children) child.place();
  const results = await Promise.all(children.map((child) => child.waitNext()));
  results.forEach((result, i) => {
    if (result !== (i % 2 === 0)) throw new Error(`Child ${i} gave ${result}`);
  });
  const statuses = await Promise.all(
    children.filter((_, i) => i % 2).map((child) => child.status),
  );
  for (const { signal } of statuses) {
    if (signal !== "SIGKILL") throw new Error(`A child ended by ${signal}`);
  }
}

/**
 * Reads a flood of newlines from a process, and counts them.
 *
 * @returns By how many bytes this process's memory grew at the most.
 */
export async function readFlood(newlines: number): Promise<number> {
  const script = `head -c ${newlines} /dev/zero | tr '\\0' '\\n'`;
  const source = start(["sh", "-c", script], { stderr: "inherit" });
  const barrier = Barrier.over(
    { readable: source.stdout, writable: source.stdin },
    { barriers: newlines },
  );
  const before = Deno.memoryUsage().rss;
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, Deno.memoryUsage().rss);
  }, 10);
  const synced = await barrier.sync();
  clearInterval(timer);
  barrier.place();
  const another = await barrier.sync(); // there is none
  barrier.destroy();
  await source.status;
  if (!synced || another) throw new Error(`The barriers were not ${newlines}`);
  return most - before;
}

/** Places barriers for a child that is stopped, which then consumes all of them. */
export async function placeUnread(
  channel: BarrierChannelKind,
  barriers: number,
): Promise<void> {
  const child = childModule(
    channel,
    "barrier.place(); await barrier.sync(); barrier.place('synced');",
  );
  await using process = spawnWithBarrier(child, {
    channel,
    permissions: { env: ["BARRIER_CHANNEL", "BARRIER_STATE"] },
    env: { BARRIER_STATE: `${barriers - 1}` },
  });
  await process.ready();
  process.kill("SIGSTOP");
  for (let i = 0; i < barriers; i++) process.place();
  process.kill("SIGCONT");
  const note = await process.ready();
  if (note !== "synced") throw new Error(`The child said "${note}"`);
}
