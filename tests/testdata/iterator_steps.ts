// Copyright 2026 the @ipc/barrier authors. MIT license.

// Prints by how much memory grows in 10,000 steps of a barrier's iterator.

import { Barrier } from "../../barrier.ts";
import { inUse } from "./memory.ts";

const [parent, child] = Barrier.pair();
const iterator = parent[Symbol.asyncIterator]();

async function iterate(): Promise<void> {
  for (let i = 0; i < 10_000; i++) {
    const step = iterator.next();
    child.place();
    await step;
  }
}

await iterate();
const before = inUse();
await iterate();
console.log(inUse() - before);
