// Copyright 2026 the @ipc/barrier authors. MIT license.

import { completeAndExit, SharedCompletion } from "../../completion.ts";

class LoggedCompletion extends SharedCompletion {
  override complete(): void {
    console.log("completing");
    super.complete();
  }
}

const [code] = Deno.args;
const completion = new LoggedCompletion();
addEventListener("unload", () => console.log("unloading"));
completion.wait().then(() => console.log("the waiter ran"));
queueMicrotask(() => console.log("a microtask ran"));
try {
  if (code === undefined) completeAndExit(completion);
  else completeAndExit(completion, Number(code));
} finally {
  console.log("the block went on");
}
