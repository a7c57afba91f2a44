// Copyright 2026 the @ipc/barrier authors. MIT license.

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

// The workers of tests/barrier_over_workers_test.ts, by their names.

import { Barrier } from "../../barrier.ts";

function overParent(): Barrier {
  return Barrier.over(self, { role: "child" });
}

const WORKERS: Record<string, () => unknown> = {
  async "both hang up"() {
    {
      using parent = overParent();
      await parent.waitNext();
      parent.place(`got ${parent.note}`);
    }
    const parent = overParent();
    parent.place();
    await parent.waitNext();
    self.postMessage("hung up");
  },

  "many barriers and an error"() {
    self.onmessage = ({ data: failed }) => {
      self.onmessage = null;
      self.onunhandledrejection = () => Atomics.store(failed, 0, 1);
      const parent = overParent();
      for (let i = 0; i < 1_000; i++) parent.place();
      parent.place("last");
      return Promise.reject(new Error("on purpose"));
    };
  },

  async "hang-up and an error"() {
    using parent = overParent();
    parent.place();
    await parent.waitNext();
    throw new Error("on purpose");
  },
};

await WORKERS[self.name]!();
