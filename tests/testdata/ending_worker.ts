// Copyright 2026 the @ipc/barrier authors. MIT license.

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

// A worker that starts a child and ends. Its name is an order in JSON.

import { spawnWithBarrier } from "../../mod.ts";

/** What a worker starts, and how it ends. */
export interface Order {
  processGroup?: boolean;
  isUnreferenced?: boolean;
  /** Who terminates it does so once it has reported the process ID. */
  end: "closes itself" | "throws" | "is terminated";
}

const { processGroup = false, isUnreferenced, end }: Order = JSON.parse(
  self.name,
);
const child = spawnWithBarrier(["sleep", "1000"], { processGroup });
if (isUnreferenced) child.unref();
self.postMessage(child.pid);
if (end === "closes itself") self.close();
if (end === "throws") throw new Error();
