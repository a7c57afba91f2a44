// Copyright 2026 the @ipc/barrier authors. MIT license.

import { type BarrierChannelKind, spawnWithBarrier } from "@ipc/barrier";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { Peer } from "./children/socket.ts";
import { compare, difference, ratio, type Row } from "./compare.ts";

/** The round trips of a slice; 20 slices are a run. */
const ROUNDS = 1_000;

/** Barriers between processes, and what they add to the start of one. */
export async function* processes(): AsyncGenerator<Row> {
  yield await roundTrip();
  yield ratio(
    'spawnWithBarrier() to sync(), "fd" / node:child_process to a byte by node:net',
    1.1,
    await compare(() => spawnToSync("fd"), spawnToByte, { runs: 101 }),
  );
  yield ratio(
    'spawnWithBarrier() to sync(), "stdio" / Deno.Command to a byte of stdout',
    1.15,
    await compare(() => spawnToSync("stdio"), spawnToStdout, { runs: 101 }),
  );
  yield difference(
    "Child that imports @ipc/barrier / one that imports @ipc/barrier/inherit",
    3,
    await compare(
      () => spawnToSync("stdio", "barrier_whole"),
      () => spawnToSync("stdio"),
      { runs: 101 },
    ),
  );
  for (const module of ["barrier", "completion"]) {
    yield difference(
      `Script that imports @ipc/barrier/${module} / empty script`,
      3,
      await compare(
        () => runScript(`import_${module}`),
        () => runScript("empty"),
        { runs: 60 },
      ),
    );
  }
}

async function roundTrip(): Promise<Row> {
  await using child = spawnOurs("fd");
  const process = spawnPeer();
  const peer = new Peer(process.stdio[3] as Socket);
  const comparison = await compare(
    () => timed(() => child.placeAndSync()),
    () => timed(() => peer.exchange()),
    { runs: 15, slices: 20 },
  );
  await end(process);
  return ratio(
    "placeAndSync() round trip / node:net, a byte each way",
    1.15,
    comparison,
  );
}

async function timed(round: () => Promise<boolean>): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < ROUNDS; i++) {
    if (!await round()) throw new Error("Cannot go on: the child is gone");
  }
  return performance.now() - start;
}

async function spawnToSync(
  channel: BarrierChannelKind,
  module?: string,
): Promise<number> {
  const start = performance.now();
  await using child = spawnOurs(channel, module);
  if (!await child.placeAndSync()) throw child.signal.reason;
  return performance.now() - start;
}

async function spawnToByte(): Promise<number> {
  const start = performance.now();
  const process = spawnPeer();
  await new Peer(process.stdio[3] as Socket).exchange();
  const time = performance.now() - start;
  await end(process);
  return time;
}

async function spawnToStdout(): Promise<number> {
  const start = performance.now();
  await using process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", path("stdout")],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  await process.stdout.getReader().read();
  return performance.now() - start;
}

async function runScript(script: string): Promise<number> {
  const start = performance.now();
  await new Deno.Command(Deno.execPath(), { args: ["run", path(script)] })
    .output();
  return performance.now() - start;
}

function spawnOurs(channel: BarrierChannelKind, module = "barrier") {
  return spawnWithBarrier(path(module), { channel, permissions: "all" });
}

function spawnPeer(): ChildProcess {
  return spawn(
    Deno.execPath(),
    ["run", "--allow-all", path("socket")],
    { stdio: ["inherit", "inherit", "inherit", "pipe"] },
  );
}

async function end(process: ChildProcess): Promise<void> {
  process.kill();
  await once(process, "exit");
}

function path(child: string): string {
  return `${import.meta.dirname}/children/${child}.ts`;
}
