// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Phases over many children by barriers. Argument: their number. */

import { spawnWithBarrier } from "@ipc/barrier";
import { servePhases } from "./serve_phases.mjs";

const module = import.meta.resolve("../start/barrier_child.ts");

await servePhases(() => {
  const child = spawnWithBarrier(module, { args: ["fd"], stdin: "null" });
  return () => child.placeAndSync();
});
