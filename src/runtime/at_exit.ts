// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Runs a function as the last thing before this program ends, by whatever way
 * but a signal or an error: at its natural end, by `Deno.exit()` or by
 * `process.exit()`.
 *
 * Deno runs no code behind the last listener of `unload` and of Node's `exit`,
 * not even microtasks (since 1.0), and a listener can end the program by another
 * `Deno.exit()`. So what ends a program is wrapped while there is something to
 * run: `Deno.exit()`, through which `process.exit()` goes as well, and the
 * emission of Node's `exit`, which follows `unload` at a natural end.
 *
 * Remove when Deno has an event behind all others.
 *
 * @returns What calls it off.
 */
export function runAtExit(run: () => void): () => void {
  if (atExit.size === 0) unwrapExit = wrapExit();
  atExit.add(run);
  return () => {
    if (atExit.delete(run) && atExit.size === 0) unwrapExit();
  };
}

const atExit = new Set<() => void>();
let unwrapExit: () => void;

function wrapExit(): () => void {
  // deno-lint-ignore no-process-global -- importing it would load it for all
  const node = process as { emit: (...args: unknown[]) => boolean };
  const { exit } = Deno;
  const { emit } = node;
  const last = () => atExit.forEach((run) => run());

  const exitAtLast = (code?: number): never => {
    if (typeof code === "number") Deno.exitCode = code | 0; // as Deno does
    if (!isUnloading()) dispatchEvent(new Event("unload"));
    last();
    return exit();
  };
  const emitAtLast = (...args: unknown[]): boolean => {
    const heard = Reflect.apply(emit, node, args);
    if (args[0] === "exit" && isUnloading()) last();
    return heard;
  };

  Deno.exit = exitAtLast;
  node.emit = emitAtLast;
  return () => {
    if (Deno.exit === exitAtLast) Deno.exit = exit;
    if (node.emit === emitAtLast) node.emit = emit;
  };
}

/** Whether the `unload` event was dispatched, as Deno remembers it for itself. */
function isUnloading(): boolean {
  return Reflect.get(globalThis, Symbol.for("Deno.isUnloadDispatched")) ===
    true;
}
