// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Start a child process, wait until it is ready, and do not hang if it dies.
 *
 * - {@linkcode spawnWithBarrier} starts a child process that shares a
 *   {@linkcode Barrier} with this one. `ready()` waits for the child, and
 *   `stop()` or `await using` stops it.
 * - {@linkcode inheritBarrier} is the child's side, for modules in Deno, Node and Bun.
 *   Other programs use a file descriptor, or just print a line.
 * - {@linkcode runMain} stops children in order when a signal ends the program.
 * - Each side places barriers and waits for the other's. Either side can abort. If a
 *   process dies, its side hangs up after the barriers that it had placed.
 * - {@linkcode Completion} and {@linkcode SharedCompletion} let one task, or one
 *   thread, report to others that a job is done.
 *
 * ```ts ignore
 * // parent.ts
 * import { spawnWithBarrier } from "@ipc/barrier";
 *
 * await using child = spawnWithBarrier(import.meta.resolve("./child.ts"));
 * await child.ready(); // rejects if it dies first
 * console.log("the child is ready");
 * child.place(); // let the child continue
 * ```
 *
 * ```ts ignore
 * // child.ts
 * import { inheritBarrier } from "@ipc/barrier/inherit";
 *
 * using parent = await inheritBarrier();
 * parent.place(); // ready
 * await parent.receive(); // rejects if the parent exits first
 * console.log("continuing");
 * ```
 *
 * @module
 */

import "./src/spawn/modules.ts"; // before any other
export * from "./barrier.ts";
export * from "./completion.ts";
export * from "./inherit.ts";
// Last, when all that it imports is known: a module that imports something new
// costs Deno a look at its source map.
export * from "./spawn.ts";
