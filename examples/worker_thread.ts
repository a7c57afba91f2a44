// Copyright 2026 the @ipc/barrier authors. MIT license.

// The thread of examples/worker.ts.

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

import { completeAndExit, SharedCompletion } from "@ipc/barrier/completion";

self.onmessage = ({ data }) => {
  const stop = SharedCompletion.from(data.stop);
  const gone = SharedCompletion.from(data.gone);
  const write = (line: string) =>
    Deno.writeTextFileSync(data.journal, `${line}\n`, { append: true });

  console.log("thread: at work");
  SharedCompletion.from(data.started).complete();
  while (!stop.waitSync({ timeout: 10 })) write("tick");

  console.log("thread: the last entry");
  write("stopped");
  completeAndExit(gone);
};
