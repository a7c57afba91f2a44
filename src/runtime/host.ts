// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * What a child asks of its runtime: Deno, or Node and Bun, which have Node's
 * `process`. In Deno, reading `process` would load modules.
 */

/** Whether this is Deno, and not Node or Bun. */
export const isDeno: boolean = typeof Deno === "object";

// deno-lint-ignore no-process-global -- importing it would load it in Deno
const node = (): typeof process => process;

/** Whether this is Windows. */
export function isWindows(): boolean {
  return isDeno ? Deno.build.os === "windows" : node().platform === "win32";
}

/** Returns the number of this process. */
export function processId(): number {
  return isDeno ? Deno.pid : node().pid;
}

/** Writes to stderr before it returns. */
export function writeError(bytes: Uint8Array): void {
  if (isDeno) Deno.stderr.writeSync(bytes);
  else node().getBuiltinModule("node:fs").writeSync(2, bytes);
}

/** Reads a variable if that is allowed. */
export function readVariable(variable: string): string | undefined {
  if (!isDeno) return node().env[variable];
  // At a terminal, Deno would ask the user. Elsewhere it throws immediately, which
  // saves a child a query that takes as long as everything else here.
  if (Deno.stdin.isTerminal() && !mayRead(variable)) return undefined;
  try {
    return Deno.env.get(variable);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** Whether a variable may be read without asking the user. */
export function mayRead(variable: string): boolean {
  if (!isDeno) return true;
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted";
}

/** Removes a variable that could be read. */
export function deleteVariable(variable: string): void {
  if (isDeno) Deno.env.delete(variable);
  else delete node().env[variable];
}

/** Makes an error of a class of `Deno.errors`; elsewhere, one of the same name. */
export function hostError(
  name: "BadResource" | "Busy" | "NotFound",
  message: string,
  options?: ErrorOptions,
): Error {
  if (isDeno) return new Deno.errors[name](message, options);
  return Object.defineProperty(new Error(message, options), "name", {
    value: name,
    configurable: true,
    writable: true,
  });
}
