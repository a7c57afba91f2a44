// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Loads a module of Node's when it is first needed, and without a promise.
 *
 * `import "node:net"` anywhere in the graph costs a start of a program 20 ms
 * (Deno 2.8 and later, which load such modules lazily), and `import()` returns a
 * promise where a call must return immediately.
 *
 * Remove when a deferred import (`import defer`) works for built-in modules.
 */
export function builtin<T>(name: string): T {
  // deno-lint-ignore no-process-global -- importing it would load it for all
  return process.getBuiltinModule(name) as T;
}
