// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Children in Node and Bun that do, step by step, what a test asks for. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { Barrier, spawnWithBarrier } from "../../mod.ts";
import { CHANNEL_FD } from "../../src/channels/environment.ts";
import { InheritedChannel } from "../../src/channels/socket.ts";
import { readDirectly } from "../../src/runtime/spawned_socket.ts";
import { DrivenChild } from "./driver.ts";
import type { CommandLine } from "./run.ts";
import { transpiled } from "./runtimes.ts";

const DRIVEN = new URL("../testdata/driven_node.mjs", import.meta.url).pathname;

/** Starts a process with one child in it, over its stdin and stdout. */
export async function spawnDriven(command: CommandLine): Promise<DrivenChild> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const barrier = spawnWithBarrier(
    [...command, ...await args(listener, ["stdio"])],
    { channel: "stdio" },
  );
  return new DrivenChild(barrier, await listener.accept());
}

/**
 * Starts one process with many children in it, each over a descriptor. A process
 * for each would take longer than everything else.
 */
export async function withDrivenChildren(
  [program, ...words]: CommandLine,
  count: number,
  run: (children: readonly DrivenChild[]) => Promise<void>,
): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const fds = Array.from({ length: count }, (_, index) => CHANNEL_FD + index);
  const pipes = fds.map(() => "pipe" as const);
  const process = spawn(
    program,
    [...words, ...await args(listener, fds.map((fd) => `fd:${fd}`))],
    { stdio: ["ignore", "inherit", "inherit", ...pipes] },
  );
  const exited = once(process, "exit");
  const children: DrivenChild[] = [];
  for (const fd of fds) {
    const barrier = barrierOf(process, fd);
    children.push(new DrivenChild(barrier, await listener.accept()));
  }
  await run(children);
  for (const child of children) await child[Symbol.asyncDispose]();
  const [code] = await exited;
  if (code !== 0) throw new Error(`The process exited with code ${code}`);
}

/** The parent's side of a descriptor, whose end is the hang-up. */
function barrierOf(process: ChildProcess, fd: number): Barrier {
  const socket = readDirectly(
    process.stdio[fd] as Socket,
    (bytes) => channel.receive(bytes),
  );
  const channel = new InheritedChannel({
    readable: socket,
    writable: socket,
    acceptsText: true,
  });
  return new Barrier(channel);
}

async function args(
  { addr }: Deno.TcpListener,
  channels: string[],
): Promise<string[]> {
  return [DRIVEN, await transpiled(), String(addr.port), ...channels];
}
