// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * All modules that a parent loads. `spawn.ts` and `mod.ts` import this one first.
 *
 * `src/channels/modules.ts` says why. Remove it together with that one.
 */

import "../barrier/arrivals.ts";
import "../barrier/barrier.ts";
import "../barrier/error.ts";
import "../barrier/lines.ts";
import "../barrier/options.ts";
import "../barrier/pair.ts";
import "../barrier/wait_queue.ts";
import "../channels/environment.ts";
import "../channels/modules.ts";
import "../channels/paced.ts";
import "../channels/stdio.ts";
import "../runtime/host.ts";
import "../runtime/timers.ts";
import "../channels/socket.ts";
import "../channels/spawned.ts";
import "../runtime/at_exit.ts";
import "../runtime/builtin.ts";
import "../runtime/drain.ts";
import "../runtime/exit.ts";
import "../runtime/process.ts";
import "../runtime/socket.ts";
import "../runtime/spawned_socket.ts";
import "../runtime/standard_output.ts";
import "../runtime/watch.ts";
import "./byte_queue.ts";
import "./byte_search.ts";
import "./child_input.ts";
import "./child_process.ts";
import "./command_line.ts";
import "./ending.ts";
import "./environment.ts";
import "./errors.ts";
import "./forwarder.ts";
import "./launch.ts";
import "./line_scanner.ts";
import "./options.ts";
import "./output.ts";
import "./output_tail.ts";
import "./permissions.ts";
import "./probe.ts";
import "./process_group.ts";
import "./program.ts";
import "./readiness.ts";
import "./ready_url.ts";
import "./run_main.ts";
import "./signals.ts";
import "./sinks.ts";
import "./spawn_error.ts";
import "./stdout_splitter.ts";
import "./streams.ts";
import "./tracing.ts";
import "./values.ts";
