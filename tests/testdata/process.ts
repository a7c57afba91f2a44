// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/runtime/process_test.ts.

import { type BarrierChannelKind, spawnWithBarrier } from "../../mod.ts";
import type { Order } from "./ending_worker.ts";
import { main } from "./main.ts";

await main({
  async worker(...orders) {
    for (const order of orders) {
      const worker = new Worker(import.meta.resolve("./ending_worker.ts"), {
        type: "module",
        name: order,
      });
      worker.onerror = (event) => event.preventDefault();
      const pid = await new Promise<number>((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
      });
      const { end }: Order = JSON.parse(order);
      if (end === "is terminated") worker.terminate();
      // A child that does not end has failed the test.
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        Deno.kill(pid, "SIGTERM");
      }, 20_000);
      try {
        for (;;) {
          Deno.kill(pid, 0);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      } catch (error) {
        console.log((error as Error).name, !isLate);
      }
      clearTimeout(timer);
      if (isLate) break;
    }
    Deno.exit();
  },

  async unref() {
    for (let i = 0; i < 40; i++) {
      const channel = i % 2 ? "stdio" : "fd";
      const child = spawnWithBarrier(["true"], { channel });
      child.unref();
      child.ref();
      await child.exited;
      child.unref();
    }
  },

  async environment(kind) {
    const channel = kind as BarrierChannelKind;
    Deno.env.set("NODE_V8_COVERAGE", "/no/such");
    const env = ["sh", "-c", "env | grep -e COVERAGE -e POLLUTED"] as const;
    Object.assign(Object.prototype, { POLLUTED: "yes" });
    const PATH = Deno.env.get("PATH")!;
    for (const variables of [{ PATH }, { PATH, NODE_V8_COVERAGE: "given" }]) {
      await spawnWithBarrier(env, { channel, clearEnv: true, env: variables })
        .status;
    }
    await spawnWithBarrier(env, { channel }).status;
  },
});
