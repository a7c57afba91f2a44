// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Running functions after all other code of a program, when it exits.
 *
 * Deno has no event for that (since 1.0, not reported upstream). `unload` comes
 * before the `exit` event of Node's `process`, listeners of both run in the order
 * in which they were added, any of them can call `Deno.exit()`, and no microtask
 * runs after them. Therefore two functions are replaced while there is something
 * to run: `Deno.exit`, which `process.exit()` calls as well, and `process.emit`,
 * which emits `exit` when the program ends by itself and at a restart of `deno run
 * --watch`.
 *
 * In Node and Bun, the `exit` event of `process` is the only one, and a listener of
 * it can call `process.exit()`. So there it is `process.reallyExit` that is
 * replaced, which `process.exit()` calls in the end. For an exit without that call,
 * a listener is added as the last one, when the event is about to be emitted.
 *
 * Remove when the runtimes dispatch an event after all listeners.
 */

import { isDeno } from "./host.ts";

const { addEventListener, removeEventListener } = globalThis;

const flushes = new Set<() => void>();
const ends = new Set<() => void>();

/**
 * Registers a function that writes what a program still holds back when it exits,
 * whether by itself, by `Deno.exit()`, by `process.exit()` or by an uncaught error.
 * It runs after all listeners of the exit. It can also run at other times, for
 * example if `Deno.exit` is a mock.
 *
 * This does not throw.
 *
 * @returns A function that removes it.
 */
export function runAtExit(run: () => void): () => void {
  return register(flushes, run);
}

/**
 * Registers a function that runs once no other code of the program can run: when
 * it exits, and at a restart of `deno run --watch`, where this process continues
 * with the next run. Node and Bun start a new process instead, and it does not run
 * there. It does not run when a signal or an uncaught error ends the
 * program, because another listener can still handle an error.
 *
 * This does not throw.
 *
 * @returns A function that removes it.
 */
export function atUnload(run: () => void): () => void {
  return register(ends, run);
}

function register(functions: Set<() => void>, run: () => void): () => void {
  attempt(watch);
  functions.add(run);
  return () => {
    if (!functions.delete(run)) return;
    if (flushes.size + ends.size === 0) attempt(unwatch);
  };
}

/** Calls a function whose failure must not stop the caller. */
function attempt(run: () => void): void {
  try {
    run();
  } catch {
    // A global is frozen, for example.
  }
}

function flush(): void {
  flushes.forEach(attempt);
}

function end(): void {
  flush();
  ends.forEach(attempt);
}

type Method = (...args: unknown[]) => unknown;

/**
 * Replaces a method of an object by one that calls it.
 *
 * Others do that, too: mocks, another copy of this module, npm's `signal-exit`.
 * So the replacement is not removed while another one covers it, nor installed a
 * second time. Otherwise two copies would pile up their replacements.
 */
class Replacement {
  /** Whether calls of the method reach the replacement, as far as is known. */
  isInstalled = false;
  readonly #object: object;
  readonly #name: string;
  readonly #method: Method;
  #original: Method | undefined;

  constructor(
    object: object,
    name: string,
    replace: (callOriginal: Method) => Method,
  ) {
    this.#object = object;
    this.#name = name;
    this.#method = replace((...args) =>
      Reflect.apply(this.#original!, object, args)
    );
  }

  install(): void {
    const current = this.#current;
    if (current === this.#method) this.isInstalled = true;
    // Something that is neither ours nor the original is expected to call ours.
    if (this.isInstalled && current !== this.#original) return;
    this.isInstalled = Reflect.set(this.#object, this.#name, this.#method);
    if (this.isInstalled) this.#original = current;
  }

  remove(): void {
    const current = this.#current;
    if (current === this.#method) {
      Reflect.set(this.#object, this.#name, this.#original);
    } else if (current !== this.#original) return;
    this.isInstalled = false;
  }

  get #current(): Method {
    return Reflect.get(this.#object, this.#name);
  }
}

let isExiting = false;

/** Made when first needed, so that importing this module has no effect. */
let replacements: { exit: Replacement; emit: Replacement } | undefined;

function replaceExit(): Replacement {
  return new Replacement(Deno, "exit", (exit) => (...args) => {
    flush();
    if (isUnloading()) end(); // the original does not dispatch the event again
    // The newest listener is the last to run.
    removeEventListener("unload", onUnload);
    addEventListener("unload", onUnload);
    isExiting = true;
    try {
      return exit(...args);
    } finally {
      isExiting = false;
    }
  });
}

function replaceEmit(): Replacement {
  // deno-lint-ignore no-process-global -- importing it would load it for all
  return new Replacement(process, "emit", (emit) => (...args) => {
    const isHandled = emit(...args);
    if (args[0] === "exit" && isUnloading()) end();
    return isHandled;
  });
}

function watch(): void {
  if (!isDeno) return watchInNode();
  addEventListener("unload", onUnload);
  addEventListener("error", flush);
  replacements ??= { exit: replaceExit(), emit: replaceEmit() };
  const { exit, emit } = replacements;
  attempt(() => exit.install());
  attempt(() => emit.install());
}

function unwatch(): void {
  if (!isDeno) return unwatchInNode();
  removeEventListener("unload", onUnload);
  removeEventListener("error", flush);
  attempt(() => replacements?.exit.remove());
  attempt(() => replacements?.emit.remove());
}

function onUnload(): void {
  flush();
  // Without the replacement, nothing later is noticed of an exit.
  if (isExiting || !replacements?.exit.isInstalled) end();
}

/** Whether the `unload` event was dispatched, as Deno itself finds it out. */
function isUnloading(): boolean {
  return Reflect.get(globalThis, Symbol.for("Deno.isUnloadDispatched")) ===
    true;
}

/** Made when first needed, too. */
let reallyExit: Replacement | undefined;

/** The events of `process` before it emits `exit` without `process.exit()`. */
const ENDS = ["beforeExit", "uncaughtExceptionMonitor"];

function watchInNode(): void {
  // deno-lint-ignore no-process-global -- importing it would load it in Deno
  const node: NodeJS.EventEmitter = process;
  reallyExit ??= new Replacement(node, "reallyExit", (exit) => (...args) => {
    flush();
    return exit(...args);
  });
  reallyExit.install();
  for (const end of ENDS) node.off(end, flushLast).on(end, flushLast);
}

function unwatchInNode(): void {
  // deno-lint-ignore no-process-global -- importing it would load it in Deno
  const node: NodeJS.EventEmitter = process;
  reallyExit?.remove();
  for (const end of ENDS) node.off(end, flushLast);
  node.off("exit", flush);
}

/** Flushes now, and once more after the listeners of the exit. */
function flushLast(): void {
  flush(); // also what a listener of the exit placed before it threw
  // deno-lint-ignore no-process-global -- importing it would load it in Deno
  process.off("exit", flush).on("exit", flush);
}
