// Copyright 2026 the @ipc/barrier authors. MIT license.

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

// A worker that blocks until a completion, and then completes another.

import { SharedCompletion } from "../../../completion.ts";

self.onmessage = ({ data }) => {
  SharedCompletion.from(data.asked).waitSync();
  SharedCompletion.from(data.answered).complete();
};
