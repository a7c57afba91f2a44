// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/spawn/forwarder_test.ts.

import {
  type BarrierChannelKind,
  type BarrierProcess,
  spawnWithBarrier,
} from "../../mod.ts";
import { main } from "./main.ts";

/** Starts a child that prints a letter so often, and no whole line. */
function printer(count: number, letter: string): BarrierProcess {
  const script = `head -c ${count} /dev/zero | tr '\\0' ${letter}`;
  return spawnWithBarrier(["sh", "-c", script]);
}

await main({
  async full(channel) {
    const [input, place] = channel === "fd"
      ? [3, "echo up >&3"]
      : [0, "printf '\\036+up\\n'"];
    const script = `echo one; ${place}; read -r _ <&${input}; echo two; exit 3`;
    await using child = spawnWithBarrier(["sh", "-c", script], {
      channel: channel as BarrierChannelKind,
    });
    console.error("ready:", await child.ready());
    child.place();
    console.error("code:", (await child.status).code);
    const { reason } = child.signal;
    console.error(reason.message.replace(/\d+ /, ""));
    console.error(reason.cause.message);
  },

  async lines() {
    const print = (letter: string) => {
      const script = `yes ${letter.repeat(70)} | head -n 20000`;
      return spawnWithBarrier(["sh", "-c", script]).status;
    };
    await Promise.all(["a", "b", "c"].map(print));
  },

  async pieces(file) {
    const first = printer(200_000, "z"); // more than a pipe holds
    await first.exited;
    const children = [first, printer(600, "a"), printer(600, "b")];
    await Promise.all(children.map((child) => child.exited));
    Deno.removeSync(file!); // now the reader begins
    await Promise.all(children.map((child) => child.status));
  },
});
