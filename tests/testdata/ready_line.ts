// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/spawn_ready_line_test.ts.

import { type BarrierOutput, spawnWithBarrier } from "../../mod.ts";
import { main } from "./main.ts";

await main({
  async outputs(...outputs) {
    const found: string[] = [];
    for (const stdout of outputs as BarrierOutput[]) {
      for (const stderr of outputs as BarrierOutput[]) {
        if (stdout === "inherit" && stderr === "inherit") continue;
        for (const fd of [1, 2]) {
          if ([stdout, stderr][fd - 1] === "inherit") continue;
          const script =
            `echo starting >&${fd}; echo ready on ${fd} >&${fd}; exec sleep 1000`;
          await using child = spawnWithBarrier(["sh", "-c", script], {
            readyLine: /ready on (\w+)/,
            stdout,
            stderr,
          });
          found.push([stdout, stderr, fd, await child.ready()].join());
        }
      }
    }
    console.log("found", found.join(" "));
  },

  async stdio() {
    const script =
      "printf 'rea'; printf 'dy\\n'; printf '\\036+placed\\n'; read -r _";
    for (const stdout of ["forward", "piped", "null"] as const) {
      await using child = spawnWithBarrier(["sh", "-c", script], {
        channel: "stdio",
        stdout,
        readyLine: /^ready$/,
      });
      const notes = [];
      for await (const note of child) {
        notes.push(note);
        if (notes.length === 2) break;
      }
      await child.stop(); // what it printed is written
      console.log(stdout, notes.join());
    }
  },

  async memory() {
    const before = Deno.memoryUsage().rss;
    const script = "head -c 100000000 /dev/zero | tr '\\0' x; echo; echo ready";
    const child = spawnWithBarrier(["sh", "-c", script], {
      readyLine: /^ready$/,
      stdout: "null",
    });
    await child.ready();
    console.log(Deno.memoryUsage().rss - before);
  },
});
