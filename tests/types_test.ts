// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What compiles, and what must not; the type check of the gate runs it. */

import type * as threads from "node:worker_threads";
import {
  Barrier,
  type BarrierProcess,
  type BarrierProcessOutput,
  type BarrierProcessSignal,
  type BarrierProcessStatus,
  completeAndExit,
  Completion,
  inheritBarrier,
  type SpawnPermissions,
  spawnWithBarrier,
} from "../mod.ts";

/** Never called: only its types are looked at. */
export function mustCompile(
  words: readonly string[],
  signal: AbortSignal | undefined,
  port: MessagePort,
  transports: {
    worker: Worker;
    socket: WebSocket;
    connection: Deno.Conn;
    thread: threads.Worker;
    threadPort: threads.MessagePort;
  },
): void {
  for (const transport of Object.values(transports)) Barrier.over(transport);

  const child: BarrierProcess = spawnWithBarrier(words, {
    signal,
    cwd: undefined,
    stdout: undefined,
    readyLine: undefined,
    stopSignal: "SIGINT",
    channel: "fd:10",
  });
  child.waitNext({ signal });
  child.ready({ signal, timeout: undefined });
  child.kill(9);
  spawnWithBarrier("child.ts", {
    permissions: { net: true },
    channel: "stdio",
  });
  spawnWithBarrier(new URL("file:///child.ts"), { stdin: "piped" });
  spawnWithBarrier(words, { channel: "stdio", stdout: "piped" });
  Barrier.over(port, { role: "child" });
  const required: Promise<Barrier> = inheritBarrier();
  const optional: Promise<Barrier | undefined> = inheritBarrier({
    optional: true,
  });
  void [required, optional];
}

/** Whether two types are assignable to each other. */
type Same<A, B> = [A] extends [B] ? [B] extends [A] ? true : false : false;

/** Deno's own types, which the public ones spell out. */
export const areDenos: readonly true[] = [
  true satisfies Same<BarrierProcessOutput, Deno.SubprocessReadableStream>,
  true satisfies Same<BarrierProcessSignal, Deno.Signal>,
  true satisfies Same<BarrierProcessStatus, Deno.CommandStatus>,
  true satisfies Same<SpawnPermissions, Deno.PermissionOptionsObject>,
  true satisfies Same<
    keyof SpawnPermissions,
    keyof Deno.PermissionOptionsObject
  >,
];

/** Never called: each call must be an error. */
export function mustNotCompile(words: readonly string[]): void {
  // @ts-expect-error: a command has no permissions of Deno's
  spawnWithBarrier(words, { permissions: "none" });
  // @ts-expect-error: a command has no flags of Deno's
  spawnWithBarrier(words, { denoArgs: [] });
  // @ts-expect-error: there is no such value
  spawnWithBarrier(words, { stdout: "pipe" });
  // @ts-expect-error: there is no such channel
  spawnWithBarrier(words, { channel: "tcp" });
  // @ts-expect-error: it may be undefined
  const barrier: Promise<Barrier> = inheritBarrier({ optional: true });
  void barrier;
  // @ts-expect-error: nobody is left to wait for a completion of this event loop
  completeAndExit(new Completion());
}
