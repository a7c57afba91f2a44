// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * All modules that a child loads. `inherit.ts` imports this one first.
 *
 * For each import of a module that was not imported before, Deno reads the source
 * map of the importing module (denoland/deno_core#1212), even if nothing fails. That
 * took a fifth of the time in which this library is loaded. Here, only this short
 * module and `src/spawn/modules.ts` have such imports.
 *
 * Remove when Deno reads a source map only for an error.
 */

import "../barrier/error.ts";
import "../barrier/lines.ts";
import "../barrier/options.ts";
import "../barrier/arrivals.ts";
import "../barrier/pair.ts";
import "../barrier/wait_queue.ts";
import "../barrier/barrier.ts";
import "../runtime/host.ts";
import "../runtime/timers.ts";
import "./environment.ts";
import "./paced.ts";
import "./stdio.ts";
