// Copyright 2026 the @ipc/barrier authors. MIT license.

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

// A worker that aborts.

import { Barrier } from "../../../barrier.ts";

Barrier.over(self, { role: "child" }).abort("disk full");
