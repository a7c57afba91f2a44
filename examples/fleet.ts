// Copyright 2026 the @ipc/barrier authors. MIT license.

// Several workers, each a process, work through phases in step: none starts a
// phase before all have finished the previous one. One of them crashes, and the
// others continue without it.
//
//     deno run --allow-run --allow-env examples/fleet.ts

import {
  type BarrierProcess,
  inheritBarrier,
  spawnWithBarrier,
} from "@ipc/barrier";

const PHASES = ["load", "compute", "save"];

async function parent(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const fleet = new Map<string, BarrierProcess>();
  for (const name of ["ann", "bob", "cleo", "dan"]) {
    const options = { name, args: ["worker", name] };
    fleet.set(name, stack.use(spawnWithBarrier(import.meta.url, options)));
  }

  for (const phase of PHASES) {
    for (const [name, child] of fleet) {
      if (await child.waitNext()) continue;
      console.log(`${phase}: lost ${name}: ${child.signal.reason.message}`);
      fleet.delete(name);
    }
    console.log(`${phase}: done by ${[...fleet.keys()].join(", ")}`);
    for (const child of fleet.values()) child.place();
  }

  for (const [name, child] of fleet) {
    const { code } = await child.status;
    console.log(`${name} exited with code ${code}`);
  }
}

async function worker(name: string): Promise<void> {
  using parent = await inheritBarrier();
  for (const phase of PHASES) {
    work(name, phase);
    if (!await parent.placeAndSync()) Deno.exit(1); // the parent is gone
  }
}

function work(name: string, phase: string): void {
  if (name === "cleo" && phase === "compute") throw new Error("Out of luck");
}

if (Deno.args[0] === "worker") await worker(Deno.args[1]!);
else await parent();
