// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Floods of bytes over `node:net`, both sides of them: what barrier.ts does, by
 * hand.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { serve } from "../serve.mjs";
import { turns } from "./turns.mjs";

/** A program that does not read what comes. */
const SLEEP = ["sleep", "1000"];
const BYTE = new Uint8Array(1);
const [way, total] = Deno.args as [string?, string?];
const count = Number(total);

if (way === "read") {
  const parent = new Socket({ fd: 3 });
  parent.write(BYTE); // it runs
  await arrival(parent, count);
  write(parent, 1);
} else if (way === "sync") {
  const parent = new Socket({ fd: 3 });
  parent.write(BYTE); // it runs
  const all = arrival(parent, count);
  await once(parent, "data");
  write(parent, count);
  await all;
} else {
  const measures = { read, unread, size, sync };
  await serve((way: string, count: string) =>
    measures[way as keyof typeof measures](Number(count))
  );
}

function write(socket: Socket, count: number): void {
  for (let i = 0; i < count; i++) socket.write(BYTE);
}

/** Waits until as many bytes have arrived. */
async function arrival(socket: Socket, count: number): Promise<void> {
  let arrived = 0;
  await new Promise<void>((resolve) => {
    socket.on("data", (bytes: Uint8Array) => {
      arrived += bytes.length;
      if (arrived >= count) resolve();
    });
  });
}

async function read(count: number): Promise<number> {
  const { child, socket } = await start(...deno("read", count));
  const answer = arrival(socket, 1);
  const begin = performance.now();
  for await (const part of turns(count)) write(socket, part);
  await answer;
  const time = performance.now() - begin;
  await end(child);
  return time;
}

async function unread(count: number): Promise<number> {
  const { child, socket } = spawnWithSocket(...SLEEP);
  const begin = performance.now();
  write(socket, count);
  const time = performance.now() - begin;
  await end(child);
  return time;
}

async function size(count: number): Promise<number> {
  const { child, socket } = spawnWithSocket(...SLEEP);
  const before = Deno.memoryUsage().rss;
  write(socket, count);
  await new Promise((resolve) => setTimeout(resolve)); // to the next turn
  const size = (Deno.memoryUsage().rss - before) / count;
  await end(child);
  return size;
}

async function sync(count: number): Promise<number> {
  const { child, socket } = await start(...deno("sync", count));
  const all = arrival(socket, count);
  const begin = performance.now();
  write(socket, count);
  await all;
  const time = performance.now() - begin;
  await end(child);
  return time;
}

function deno(way: string, count: number): string[] {
  return [Deno.execPath(), "run", import.meta.url, way, `${count}`];
}

function spawnWithSocket(...words: string[]) {
  const child = spawn(words[0]!, words.slice(1), {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  const socket = child.stdio[3] as Socket;
  socket.on("error", () => {}); // of a child that was killed
  return { child, socket };
}

/** Starts a child, and waits until it runs. */
async function start(...words: string[]) {
  const started = spawnWithSocket(...words);
  await once(started.socket, "data");
  return started;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill();
  await once(child, "exit");
}
