// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/runtime/at_exit_test.ts.
// deno-lint-ignore-file no-process-global -- importing it would load it for all

import type {
  Barrier,
  BarrierChannelKind,
  spawnWithBarrier,
} from "../../mod.ts";
import { inheritBarrier } from "../../inherit.ts";
import { atUnload, runAtExit } from "../../src/runtime/at_exit.ts";
import { main } from "./main.ts";

function inherit(channel: string | undefined): Promise<Barrier> {
  return inheritBarrier({ channel: channel as BarrierChannelKind });
}

/** Loads what a parent needs alone, as most programs here are children. */
async function spawner(): Promise<typeof spawnWithBarrier> {
  return (await import("../../spawn.ts")).spawnWithBarrier;
}

function fail(): never {
  throw new Error("no");
}

const FREEZES: Record<string, () => void> = {
  "Deno is frozen": () => Object.freeze(Deno),
  "Deno.exit is read-only": () => {
    const { exit: value } = Deno;
    Object.defineProperty(Deno, "exit", { value, writable: false });
  },
  "Deno.exit cannot be set": () => {
    const { exit } = Deno;
    Object.defineProperty(Deno, "exit", { get: () => exit, set: fail });
  },
  "addEventListener() throws": () => {
    globalThis.addEventListener = fail;
  },
  "process.emit cannot be set": () => {
    Object.defineProperty(process, "emit", {
      get: () => Object.getPrototypeOf(process).emit,
      set: fail,
    });
  },
};

const EXITS: Record<string, () => void> = {
  "a natural end": () => {},
  "Deno.exit()": () => Deno.exit(),
  "process.exit()": () => process.exit(),
  "Deno.exit() in an unload listener": () => {
    addEventListener("unload", () => Deno.exit());
  },
  "process.exit() in an exit listener": () => {
    process.on("exit", () => process.exit());
  },
};

/** Ways of placing barriers while a program ends. */
const ENDS: Record<string, (place: () => void) => void> = {
  "in an unload listener at a natural end": (place) => {
    addEventListener("unload", place);
  },
  "in an unload listener of Deno.exit()": (place) => {
    addEventListener("unload", place);
    Deno.exit(3);
  },
  "in an unload listener of process.exit()": (place) => {
    addEventListener("unload", place);
    process.exit(4);
  },
  "in process.on('exit') at a natural end": (place) => {
    process.on("exit", place);
  },
  "in process.on('exit') of process.exit()": (place) => {
    process.on("exit", place);
    process.exit(5);
  },
  "in an unload listener that calls Deno.exit() itself": (place) => {
    addEventListener("unload", () => {
      place();
      Deno.exit(6);
    });
  },
  "in a listener before one that calls Deno.exit()": (place) => {
    addEventListener("unload", place);
    addEventListener("unload", () => Deno.exit(7));
  },
  "before Deno.exit() with a listener that calls it": (place) => {
    addEventListener("unload", () => Deno.exit(8));
    place();
    Deno.exit(9);
  },
  "right before an uncaught error": (place) => {
    setTimeout(() => {
      place();
      throw new Error("uncaught");
    });
  },
};

function placeMany(barrier: Barrier, count: string | undefined): void {
  for (let i = 0; i < Number(count); i++) barrier.place();
}

await main({
  freeze(what) {
    FREEZES[what!]!();
    runAtExit(() => console.log("flush"));
    atUnload(() => console.log("end"));
    Deno.exit(3);
  },

  listeners(exit) {
    let isOver = false;
    atUnload(() => console.log(isOver ? "again" : "end"));
    atUnload(() => {
      isOver = true;
    });
    const listener = () => {
      if (isOver) console.log("too early");
    };
    addEventListener("unload", listener);
    process.on("exit", listener);
    EXITS[exit!]!();
  },

  async "child that ends"(channel, count, end) {
    const barrier = await inherit(channel);
    ENDS[end!]!(() => {
      placeMany(barrier, count);
      barrier.abort("cleanup failed");
    });
  },

  async "child that places"(channel, count) {
    const barrier = await inherit(channel);
    addEventListener("unload", () => placeMany(barrier, count));
  },

  async "parent that ends"(channel, count) {
    const spawnWithBarrier = await spawner();
    const child = spawnWithBarrier(import.meta.url, {
      args: ["child of it", channel!],
      channel: channel as BarrierChannelKind,
    });
    await child.waitNext();
    addEventListener("unload", () => {
      placeMany(child, count);
      child.abort("cleanup failed");
    });
    Deno.exit(4);
  },

  async "child of it"(channel) {
    const barrier = await inherit(channel);
    const { signal } = barrier;
    barrier.place();
    await barrier.waitAbortion();
    console.error(signal.reason.message);
  },

  async "two that stop"() {
    const spawnWithBarrier = await spawner();
    const own = [Deno.exit, process.emit];
    const isOwn = () => [Deno.exit, process.emit].every((f, i) => f === own[i]);
    const children = [1, 2].map(() => spawnWithBarrier(["sleep", "1000"]));
    console.error(isOwn());
    for (const child of children) {
      await child.stop();
      await new Promise((resolve) => setTimeout(resolve));
      console.error(isOwn());
    }
  },

  async "two that are aborted"(count) {
    const spawnWithBarrier = await spawner();
    const script =
      'while read -r line <&3; do last=$line; done; echo "$last" >&2';
    const children = [1, 2].map(() => spawnWithBarrier(["sh", "-c", script]));
    for (const child of children) {
      placeMany(child, count);
      child.abort("cleanup failed");
    }
    Deno.exit(3);
  },

  async frozen(count) {
    const spawnWithBarrier = await spawner();
    Object.freeze(Deno);
    const script =
      "echo >&3; while read -r _ <&3; do n=$((n + 1)); done; echo $n";
    const child = spawnWithBarrier(["sh", "-c", script], { stdout: "inherit" });
    await child.waitNext();
    placeMany(child, count);
    Deno.exit(3);
  },
});
