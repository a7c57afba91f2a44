// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Takes in the output of a program that writes as fast as it can. Arguments: who
 * ("Deno.Command", "node:child_process" or a channel of ours), what becomes of the
 * output ("forward", "piped", "inherit"), what it is ("zeros" or "lines"), and a `readyLine` if there
 * is one. A request is a number of megabytes.
 */

import { spawnWithBarrier } from "@ipc/barrier";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { serve } from "../serve.mjs";

type Output = "forward" | "piped" | "inherit";

const [who, stdout, what, pattern] = Deno.args as [
  "Deno.Command" | "node:child_process" | "fd" | "stdio",
  Output,
  "zeros" | "lines",
  string?,
];
const readyLine = pattern === undefined ? undefined : new RegExp(pattern);

await serve(async (megabytes: string) => {
  const words = what === "zeros"
    ? ["dd", "if=/dev/zero", "bs=64k", `count=${+megabytes * 16}`]
    : ["sh", "-c", `yes ${"x".repeat(79)} | head -c ${megabytes}M`];
  const begin = performance.now();
  if (who === "Deno.Command") await byCommand(words);
  else if (who === "node:child_process") await byNode(words);
  else await byBarrier(words);
  return performance.now() - begin;
});

async function byBarrier(words: string[]): Promise<void> {
  const stderr = "null";
  await using child = who === "stdio"
    ? spawnWithBarrier(words, {
      channel: who,
      stdout: stdout === "inherit" ? "null" : stdout,
      stderr,
    })
    : spawnWithBarrier(words, { stdin: "null", stdout, stderr, readyLine });
  if (stdout === "piped") await readAll(child.stdout);
  await child.status;
}

async function byCommand([program, ...args]: string[]): Promise<void> {
  await using child = new Deno.Command(program!, {
    args,
    stdin: "null",
    stdout: stdout === "inherit" ? "inherit" : "piped",
    stderr: "null",
  }).spawn();
  if (stdout === "piped") await readAll(child.stdout);
  if (stdout === "forward") {
    for await (const bytes of child.stdout) await writeAll(bytes);
  }
  await child.status;
}

/** Starts a program with one descriptor more, and throws away what it prints. */
async function byNode([program, ...args]: string[]): Promise<void> {
  const child = spawn(program!, args, {
    stdio: ["ignore", "pipe", "ignore", "pipe"],
  });
  child.stdout!.on("data", () => {});
  await once(child, "close");
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<void> {
  for await (const _ of stream);
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) {
    bytes = bytes.subarray(await Deno.stdout.write(bytes));
  }
}
