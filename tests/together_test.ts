// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Several children that are stopped at the same time. */

import { assertEquals } from "@std/assert";
import { type BarrierProcess, spawnWithBarrier } from "../mod.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { test } from "./_helpers/unix.ts";

/**
 * Starts two children, each of which exits by itself only after the other was
 * asked to exit as well.
 */
function startPair(fifo: string): BarrierProcess[] {
  const actions = [`echo >${fifo}`, `read -r _ <${fifo}`];
  return actions.map((action) =>
    spawnWithBarrier([
      "sh",
      "-c",
      `trap '${action}; exit' TERM; echo >&3; while :; do sleep 0.05; done`,
    ])
  );
}

const WAYS: Record<string, (children: BarrierProcess[]) => Promise<void>> = {
  async "Promise.all() over stop()"(children) {
    await Promise.all(children.map((child) => child.stop()));
  },
  async "a function that an AsyncDisposableStack defers"(children) {
    await using stack = new AsyncDisposableStack();
    for (const child of children) stack.use(child);
    stack.defer(async () => {
      await Promise.all(children.map((child) => child.stop()));
    });
  },
};

for (const [way, stop] of Object.entries(WAYS)) {
  test(`BarrierProcess.stop() stops several children together by ${way}`, async () => {
    await using directory = await TempDir.make();
    const children = startPair(await directory.makeFifo());
    await Promise.all(children.map((child) => child.ready()));
    await stop(children);
    for (const child of children) {
      assertEquals({ ...await child.status }, {
        success: true,
        code: 0,
        signal: null,
      });
    }
  });
}
