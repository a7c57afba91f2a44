// Copyright 2026 the @ipc/barrier authors. MIT license.

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

// A worker whose peer is the page.

import { Barrier } from "../../../barrier.ts";

using barrier = Barrier.over(self, { role: "child" });
barrier.place("ready");
const note = await barrier.receive();
barrier.place(`received: ${note}`);
