// Copyright 2026 the @ipc/barrier authors. MIT license.

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

// A thread that makes the calls of a shared completion that it is sent.

import { SharedCompletion } from "../../completion.ts";
import { exitWithin } from "./exit_within.ts";

self.onmessage = async ({ data: { buffer, answer, call } }) => {
  const completion = SharedCompletion.from(buffer);
  switch (call) {
    case "complete":
      completion.complete();
      break;
    case "wait": {
      const wait = completion.wait();
      self.postMessage("waiting");
      await wait;
      self.postMessage("gone");
      break;
    }
    case "waitSync":
      self.postMessage("waiting");
      completion.waitSync();
      self.postMessage("gone");
      break;
    case "wait and be busy":
      completion.wait();
      self.postMessage("waiting");
      new Deno.Command("sleep", { args: ["1"] }).outputSync();
      break;
    case "wait and answer":
      // Nothing but the wait keeps this thread alive.
      self.onmessage = null;
      completion.wait().then(() => SharedCompletion.from(answer).complete());
      self.postMessage("waiting");
      break;
    case "completeAndExit":
      exitWithin(completion);
  }
};
