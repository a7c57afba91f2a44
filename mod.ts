// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Start a subprocess, know when it is ready, tell it to go on, and never hang
 * when it dies.
 *
 * - {@linkcode spawnWithBarrier} starts a child that shares a
 *   {@linkcode Barrier} with this process; the child gets its side from
 *   {@linkcode inheritBarrier}. Both place synchronization points and wait for
 *   each other's, either can abort, and a side that dies aborts implicitly,
 *   behind what it had placed. It is systemd's IPC barrier.
 * - {@linkcode Completion} lets one task tell others that a job is done. It is
 *   the Linux kernel's.
 *
 * ```ts ignore
 * // parent.ts
 * import { spawnWithBarrier } from "@ipc/barrier";
 *
 * await using child = spawnWithBarrier(import.meta.resolve("./child.ts"));
 * await child.ready(); // rejects if it dies first
 * console.log("the child is ready");
 * child.place(); // go on
 * ```
 *
 * ```ts ignore
 * // child.ts
 * import { inheritBarrier } from "@ipc/barrier/inherit";
 *
 * using parent = await inheritBarrier();
 * parent.place(); // ready
 * if (await parent.waitNext()) console.log("going on");
 * ```
 *
 * @module
 */

export * from "./barrier.ts";
export * from "./completion.ts";
export * from "./inherit.ts";
// Last, when all that it imports is known: a module that imports something new
// costs Deno a look at its source map.
export * from "./spawn.ts";
