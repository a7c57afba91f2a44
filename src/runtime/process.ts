// Copyright 2026 the @ipc/barrier authors. MIT license.

import { builtin } from "./builtin.ts";
import { startNoticed } from "./exit.ts";
import type { ChildProcess, SpawnOptions } from "node:child_process";

/**
 * Starts a process, and throws if that fails.
 *
 * Node's `spawn()` reports most failures in an event, later, and the error of
 * its "spawn" channel of diagnostics immediately.
 *
 * One fault remains. If the system refuses to start a process because its
 * directory is missing or there are too many processes, Deno (2.9) leaks this
 * side's end of an extra descriptor.
 *
 * Remove when `Deno.Command` can hand descriptors on (denoland/deno#6529 asks for
 * raw descriptors).
 *
 * @throws What Node reports: an `ErrnoException`, or Deno's own error.
 */
export function spawnOrThrow(
  [command, ...args]: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const { spawn } = builtin<typeof import("node:child_process")>(
    "node:child_process",
  );
  const tracing = builtin<typeof import("node:diagnostics_channel")>(
    "node:diagnostics_channel",
  ).tracingChannel("child_process.spawn");
  let failure: unknown = new Error("no process was started");
  const subscribers = {
    start() {},
    end() {},
    asyncStart() {},
    asyncEnd() {},
    error: (message: object) => failure = (message as { error: unknown }).error,
  };
  tracing.subscribe(subscribers);
  try {
    const child = startNoticed(() =>
      spawn(
        verbatimCommand(command!),
        args.map(verbatimArgument),
        verbatimOptions(options),
      )
    );
    child.on("error", () => {}); // it is thrown here
    if (child.pid !== undefined) return child;
  } finally {
    tracing.unsubscribe(subscribers);
  }
  throw failure;
}

/**
 * Spells a command so that it is run as it is.
 *
 * If a command is Deno, `node:child_process` treats it as one that is meant for
 * Node, and adds `--allow-all` to its arguments (for `deno run` since
 * denoland/deno#35443, in 2.9). It does so as well where Deno is an argument of
 * another command. It recognizes Deno by the spelling of its path, and an
 * argument by comparing strings.
 *
 * Remove when an option turns that off.
 */
function verbatimCommand(command: string): string {
  return command === Deno.execPath()
    ? command.replace(/[^/\\]+$/, "./$&")
    : command;
}

function verbatimArgument(arg: string): string {
  return new String(arg) as string;
}

/**
 * Options whose `env` is all that the child gets.
 *
 * `node:child_process` adds `NODE_V8_COVERAGE` of this process unless `env` has a
 * property of that name, and everything that stands on `Object.prototype`.
 *
 * Remove when an option turns that off.
 */
function verbatimOptions(options: SpawnOptions): SpawnOptions {
  const env: SpawnOptions["env"] = Object.assign(
    Object.create(null),
    { NODE_V8_COVERAGE: undefined },
    options.env,
  );
  return { ...options, env };
}

/**
 * Returns the command line that runs a Deno module, and never anything else.
 *
 * If there is no module called `x`, `deno run x` runs a task or a script of that
 * name from the `deno.json` or `package.json` of the working directory (since
 * 2.0, denoland/deno#24891). That runs in a shell, outside the sandbox, and a
 * script can have any name, even a URL. Without the word `run`, Deno accepts the
 * same flags and runs no tasks.
 *
 * Remove when `deno run` has a flag to run only modules.
 */
export function moduleCommand(
  flags: readonly string[],
  module: string,
  args: readonly string[],
): string[] {
  return [Deno.execPath(), ...flags, module, ...args];
}

/**
 * Sends a signal to a process, any number of times.
 *
 * Deno's `kill()` works only once, reports its signal as the cause of death
 * whatever that was (denoland/deno#36643, since 1.30), and destroys the process's
 * stdin. It returns `false` both for a process that has exited and for one that
 * this user is not allowed to signal.
 *
 * Remove when that issue is closed, except for the last point.
 *
 * @returns Whether the signal was sent.
 */
export function signalProcess(
  child: ChildProcess,
  signal: Deno.Signal | number,
): boolean {
  const node = child as {
    killed: boolean;
    signalCode: string | null;
    stdin: unknown;
    kill(signal: Deno.Signal | number): boolean;
  };
  const { stdin } = node;
  node.killed = false;
  node.stdin = null;
  const sent = node.kill(signal);
  node.stdin = stdin;
  node.signalCode = null;
  return sent;
}

/**
 * Lets a process outlive this program, however this program ends. In a worker it
 * does the opposite, see {@linkcode endWithProgram}.
 *
 * Deno sends SIGKILL to a child process when it drops the process, for example
 * after an uncaught error (since 1.0, not reported upstream), before the process
 * can read what was sent to it. It does not if the process was unreferenced, so
 * the caller needs another reason to keep the event loop alive.
 *
 * Remove when Deno leaves dropped processes alone.
 */
export function surviveErrors(child: ChildProcess): void {
  if (isWorker()) endWithProgram(child);
  else attempt(() => child.unref());
}

/**
 * Lets Deno kill a process when this program or this worker ends.
 *
 * When a worker ends, Deno leaves its sockets open (2.9, not reported upstream), so
 * a process would never see the hang-up. Deno kills the processes of a worker
 * except unreferenced ones and leaders of a process group; `ref()` includes these.
 *
 * Remove the use in workers when Deno closes the sockets of a worker.
 */
export function endWithProgram(child: ChildProcess): void {
  attempt(() => child.ref());
}

/**
 * Does not let a process keep the event loop alive. In a worker it does nothing,
 * because Deno would not kill the process when the worker ends.
 */
export function unrefProcess(child: ChildProcess): void {
  if (!isWorker()) attempt(() => child.unref());
}

function isWorker(): boolean {
  return "WorkerGlobalScope" in globalThis;
}

/**
 * Changes a reference to a process.
 *
 * `ref()` and `unref()` throw `BadResource` for a process that has exited, where
 * the system has no `pidfd_open()` (macOS, gVisor, Linux before 5.3; Deno 2.9, not
 * reported upstream).
 *
 * Remove when they do not.
 */
function attempt(change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
