// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Every way to end a child, with every kind of child: none is left behind. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type BarrierProcess, spawnWithBarrier } from "../mod.ts";
import { allGone, isRunning, running } from "./_helpers/process_table.ts";
import { json, parentModule, shell } from "./_helpers/scripts.ts";
import { IS_UNIX } from "./_helpers/unix.ts";

/** How a child is started, and what it is doing when it is ended. */
interface Kind {
  start(marker: string, signal?: AbortSignal): BarrierProcess;
  /** Waits until it is. */
  settle?(child: BarrierProcess): Promise<unknown>;
}

/** Runs until it is killed, with the marker among its arguments. */
const endless = (marker: string) => `sleep 1000 ${marker}`;

const KINDS: Record<string, Kind> = {
  "that cleans up when the barrier hangs up": {
    start: (marker, signal) =>
      shell(`echo >&3; read -r _ <&3; : ${marker}`, {
        signal,
        exitGracePeriod: 60_000,
      }),
  },
  "that ignores the signal": {
    start: (marker, signal) =>
      shell(`trap "" TERM; echo >&3; exec ${endless(marker)}`, {
        signal,
        stopGracePeriod: 100,
      }),
  },
  "that is stopped": {
    start: (marker, signal) =>
      shell(`echo >&3; exec ${endless(marker)}`, { signal }),
    settle: (child) => Promise.resolve(child.kill("SIGSTOP")),
  },
  "that is dead already": {
    start: (marker, signal) => shell(`echo >&3; : ${marker}`, { signal }),
    settle: (child) => child.exited,
  },
  "that exits during the ending": {
    start: (marker, signal) =>
      shell(`trap "exit 0" TERM; echo >&3; read -r _ <&3; : ${marker}`, {
        signal,
      }),
  },
  'that cleans up, over "stdio"': {
    start: (marker, signal) =>
      shell(`printf "\\036\\n"; read -r _; : ${marker}`, {
        channel: "stdio",
        signal,
        exitGracePeriod: 60_000,
      }),
  },
  "that has a child of its own": {
    start: (marker, signal) =>
      spawnWithBarrier(
        parentModule(`
          const parent = await inheritBarrier();
          await using child = spawnWithBarrier([
            "sh", "-c", ${json(`echo >&3; exec ${endless(marker)}`)},
          ]);
          await child.ready();
          parent.place();
          await parent.waitNext();
        `),
        {
          permissions: { run: true, env: true },
          signal,
          exitGracePeriod: 60_000,
        },
      ),
  },
  "that leads a process group": {
    start: (marker, signal) =>
      shell(`${endless(marker)} & echo >&3; wait`, {
        processGroup: true,
        signal,
      }),
  },
};

const WAYS: Record<string, (kind: Kind, marker: string) => Promise<void>> = {
  async "await using ends a child"(kind, marker) {
    {
      await using child = kind.start(marker);
      await begin(kind, child);
    }
    assertEquals(await isRunning(marker), false);
  },
  async "using ends a child"(kind, marker) {
    let ended: BarrierProcess;
    {
      using child = kind.start(marker);
      ended = child;
      await begin(kind, child);
    }
    await ended.status;
    await allGone(() => running(marker));
    await ended[Symbol.asyncDispose](); // until it has seen that itself
  },
  async "An exception ends a child"(kind, marker) {
    const failure = new Error("the block failed");
    const error = await assertRejects(async () => {
      await using child = kind.start(marker);
      await begin(kind, child);
      throw failure;
    });
    assertEquals(error, failure);
    assertEquals(await isRunning(marker), false);
  },
  async "options.signal ends a child"(kind, marker) {
    const controller = new AbortController();
    const child = kind.start(marker, controller.signal);
    await begin(kind, child);
    controller.abort();
    await child.status;
    await allGone(() => running(marker));
    await child[Symbol.asyncDispose](); // until it has seen that itself
    assert(child.signal.aborted);
  },
};

async function begin(kind: Kind, child: BarrierProcess): Promise<void> {
  await child.ready();
  await kind.settle?.(child);
}

for (const [way, end] of Object.entries(WAYS)) {
  for (const [name, kind] of Object.entries(KINDS)) {
    Deno.test({
      name: `${way} ${name}, and leaves no process behind`,
      ignore: Deno.build.os !== "linux" || !IS_UNIX,
      async fn() {
        const marker = `0.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
        await end(kind, marker);
        await allGone(() => running(marker));
      },
    });
  }
}
