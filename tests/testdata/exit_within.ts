// Copyright 2026 the @ipc/barrier authors. MIT license.

import { completeAndExit, type SharedCompletion } from "../../completion.ts";

/** Ends this thread by a completion, and prints which code runs after the call. */
export function exitWithin(completion: SharedCompletion): void {
  addEventListener("unload", () => console.log("done", completion.done));
  queueMicrotask(() => console.log("a microtask ran"));
  try {
    completeAndExit(completion, 3);
  } finally {
    console.log("the block went on");
  }
}
