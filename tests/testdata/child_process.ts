// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/spawn/child_process_test.ts: parents, and children that
// those or the tests start.

import {
  type Barrier,
  type BarrierChannelKind,
  type BarrierProcess,
  inheritBarrier,
  spawnWithBarrier,
} from "../../mod.ts";
import { main } from "./main.ts";

/** Starts a child that is a program of this file. */
function start(name: string, channel: string | undefined): BarrierProcess {
  return spawnWithBarrier(import.meta.url, {
    args: [name, channel!],
    channel: channel as BarrierChannelKind,
  });
}

/** Starts a child that is a shell. A script reads INPUT, and can PLACE. */
function shell(script: string, channel: string | undefined): BarrierProcess {
  const [input, place] = channel === "fd"
    ? ["3", "echo >&3"]
    : ["0", "printf '\\036\\n'"];
  const own = script.replace("INPUT", input).replace("PLACE", place);
  return spawnWithBarrier(["sh", "-c", own], {
    channel: channel as BarrierChannelKind,
  });
}

/** Places a barrier, and prints what it reads up to the end. */
const READER =
  'PLACE; while read -r line <&INPUT; do echo "$line" >&2; done; echo end >&2';

/** Answers a barrier, and then exits. */
const ANSWERING = "read -r _ <&INPUT; PLACE; echo child leaves >&2";

function inherit(channel: string | undefined): Promise<Barrier> {
  return inheritBarrier({ channel: channel as BarrierChannelKind });
}

/** Ways for a parent to end. */
const CRASHES: Record<string, (child: BarrierProcess) => unknown> = {
  "an uncaught error": () => {
    throw new Error("on purpose");
  },
  "an unhandled rejection": () => {
    Promise.reject(new Error("on purpose"));
    return new Promise(() => {});
  },
  "SIGKILL": () => {
    Deno.kill(Deno.pid, "SIGKILL");
    return new Promise(() => {});
  },
  "SIGTERM": () => {
    Deno.kill(Deno.pid, "SIGTERM");
    return new Promise(() => {});
  },
  "Deno.exit()": () => Deno.exit(3),
  "a natural end": (child) => child.unref(),
};

await main({
  async "child with a grandchild"(channel) {
    const barrier = await inherit(channel);
    for (let i = 0; i < 1_000; i++) barrier.place();
    const { pid } = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    console.error(pid);
    await Promise.resolve(); // what a turn placed has left at its end
    Deno.kill(Deno.pid, "SIGKILL");
  },

  "parent that is killed"(channel) {
    start("child that syncs", channel);
  },

  async "child that syncs"(channel) {
    const barrier = await inherit(channel);
    barrier.place();
    console.error("ready");
    console.error(await barrier.sync(), barrier.theyAborted);
  },

  async "child of many turns"(channel, end, fifo) {
    const barrier = await inherit(channel);
    for (let i = 0; i < 300; i++) {
      barrier.place();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    if (end === "destroys it") barrier.destroy();
    Deno.writeTextFileSync(fifo!, "");
  },

  async "parent that aborts"(channel) {
    const child = shell(READER, channel);
    await child.waitNext();
    child.abort("why");
    Deno.exit(1);
  },

  async "parent that reads no more"(channel) {
    const child = start("child that is not read", channel);
    await child.waitNext();
    child.place();
    for (;;); // reads no more
  },

  async "child that is not read"(channel) {
    const barrier = await inherit(channel);
    barrier.place();
    await barrier.waitNext();
    barrier.place();
    console.error("placed");
    await barrier.waitNext();
  },

  unref(channel) {
    shell(READER, channel).unref();
  },

  async "unref and wait"(channel) {
    const child = shell(ANSWERING, channel);
    child.unref();
    child.place();
    console.log(await child.waitNext());
  },

  ref(channel) {
    const child = shell(ANSWERING, channel);
    child.unref();
    child.ref();
    child.place();
    addEventListener("unload", () => console.error("parent leaves"));
  },

  async "child that cleans up"(channel) {
    const barrier = await inherit(channel);
    const { signal } = barrier;
    Deno.addSignalListener("SIGTERM", () => {});
    barrier.place();
    await barrier.waitAbortion();
    console.error(signal.reason.message);
    Deno.exit(5);
  },

  async "ref of a child that is gone"() {
    const child = spawnWithBarrier(["true"]);
    await child.status;
    child.ref();
    console.log("leaves");
  },

  async "canceled waits"() {
    const child = spawnWithBarrier(["sh", "-c", "exec 3>&- >&-; read -r _"], {
      stdin: "piped",
    });
    const { signal } = new AbortController();
    for (let i = 0; i < 30; i++) {
      const either = AbortSignal.any([signal, AbortSignal.timeout(i)]);
      await child.waitNext({ signal: either }).catch(() => {});
    }
    await child.stdin.close();
    await child.status;
  },

  "destroy and unref"(channel) {
    const child = spawnWithBarrier(["sh", "-c", "exec sleep 1000 3>&- >&-"], {
      channel: channel as BarrierChannelKind,
      stderr: "null",
    });
    console.log(child.pid);
    child.destroy();
    child.unref();
    const start = performance.now();
    addEventListener("unload", () => {
      console.log(performance.now() - start < 15_000);
    });
  },

  async crash(channel, what) {
    const child = shell(READER, channel);
    await child.waitNext();
    child.place("go on");
    await CRASHES[what!]!(child);
  },

  async "uncaught error"(endWithParent) {
    const script =
      "echo up; while kill -0 $PPID; do sleep 0.1; done; echo survived >&2";
    const child = spawnWithBarrier(["sh", "-c", script], {
      readyLine: /up/,
      stderr: "inherit",
      endWithParent: endWithParent === "true",
    });
    await child.ready();
    setTimeout(() => {
      throw new Error("on purpose");
    });
  },

  "unawaited exit"() {
    const child = spawnWithBarrier(["sh", "-c", "read -r _ <&3"], {
      stdout: "null",
    });
    child.place();
    child.exited.then(({ code }) => console.log("exited", code));
  },
});
