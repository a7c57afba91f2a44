// Copyright 2026 the @ipc/barrier authors. MIT license.

/** A peer that sends whatever it likes. `deno task soak` has it send more. */

import { assertEquals, assertLess } from "@std/assert";
import {
  checkHostile,
  checkHostileChildren,
  checkReadyLines,
} from "./_helpers/hostile.ts";
import { run } from "./_helpers/run.ts";
import { dataUrl, json } from "./_helpers/scripts.ts";
import { test } from "./_helpers/unix.ts";

Deno.test("Barrier reads whatever a peer sends as PROTOCOL.md says, split anywhere", async () => {
  await checkHostile({ cases: 3_000 });
});

for (const source of ["fd", "stdout"] as const) {
  test(`BarrierProcess reads whatever a child writes to its "${source}" as PROTOCOL.md says`, async () => {
    await checkHostileChildren(source, { cases: 40 });
  });
}

test("BarrierProcess gives only what can be shown of a readyLine, whatever a child prints", async () => {
  await checkReadyLines({ cases: 20 });
});

Deno.test("Barrier keeps nothing of a flood, whatever it is made of", async () => {
  const { stdout, stderr } = await run([
    Deno.execPath(),
    "run",
    "--v8-flags=--expose-gc",
    dataUrl(`
      import { Barrier } from ${json(import.meta.resolve("../barrier.ts"))};
      import { StdoutSplitter } from ${
      json(import.meta.resolve("../src/spawn/stdout_splitter.ts"))
    };
      const inUse = () => {
        gc();
        const { heapUsed, external } = Deno.memoryUsage();
        return heapUsed + external;
      };
      for (const text of ["x", "\\n", "+note\\n", "\\x1e", "\\x1e+", "\\x1e+x\\n", "\\r"]) {
        for (const acceptsText of [true, false]) {
          const barriers = [];
          const receivers = [];
          for (let i = 0; i < 2; i++) {
            barriers.push(new Barrier({
              acceptsText,
              open: (receiver) => receivers.push(receiver),
              send() {},
              close() {},
              ref() {},
              unref() {},
            }));
          }
          const splitter = new StdoutSplitter();
          const flood = new TextEncoder().encode(text.repeat(65_536 / text.length));
          const pour = () => {
            receivers[0].receive(flood);
            receivers[1].deliver(splitter.read(flood).messages);
          };
          for (let i = 0; i < 10; i++) pour();
          const before = inUse();
          for (let i = 0; i < 32; i++) pour();
          console.log(inUse() - before);
          for (const barrier of barriers) barrier.destroy();
        }
      }
    `),
  ]);
  assertEquals(stderr, "");
  const growths = stdout.trim().split("\n").map(Number);
  assertEquals(growths.length, 14);
  for (const growth of growths) assertLess(growth, 1024 * 1024);
});
