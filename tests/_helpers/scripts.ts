// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Small programs for the tests, written where they are used. */

import {
  type BarrierChannelKind,
  type BarrierProcess,
  type SpawnCommandOptions,
  spawnWithBarrier,
} from "../../mod.ts";
import { type CommandLine, type Output, run, start } from "./run.ts";

const LIBRARY = json(import.meta.resolve("../../mod.ts"));
const BARRIER = json(import.meta.resolve("../../barrier.ts"));
const INHERIT = json(import.meta.resolve("../../inherit.ts"));

/** A child module: `body` runs with its side of the barrier as `barrier`. */
export function childModule(channel: BarrierChannelKind, body: string): string {
  return inheritingModule(`
    const barrier = await inheritBarrier({ channel: "${channel}" });
    ${body}
  `);
}

/** A child module whose `body` calls `inheritBarrier` itself. */
export function inheritingModule(body: string): string {
  return dataUrl(`
    import { inheritBarrier } from ${INHERIT};
    ${body}
  `);
}

/** A parent of its own: `body` runs with the library imported. */
export function parentModule(body: string): string {
  return dataUrl(`
    import { spawnWithBarrier, inheritBarrier } from ${LIBRARY};
    ${body}
  `);
}

/**
 * Starts a parent in a process of its own, with no more permissions than a
 * parent needs, or those that are named.
 */
export function startParent(
  body: string,
  permissions?: readonly string[],
): Deno.ChildProcess {
  return start(parentCommand(body, permissions));
}

/** Runs such a parent to its end, started by another command if that is given. */
export function runParent(
  body: string,
  permissions?: readonly string[],
  prefix: readonly string[] = [],
): Promise<Output> {
  const command = parentCommand(body, permissions);
  return run([...prefix, ...command] as unknown as CommandLine);
}

function parentCommand(
  body: string,
  permissions: readonly string[] = ["--allow-run", "--allow-env"],
): CommandLine {
  const flags = ["--no-prompt", ...permissions];
  return [Deno.execPath(), "run", ...flags, parentModule(body)];
}

/** The flags of a program with no more permissions than a parent needs. */
export const PARENT = ["--no-prompt", "--allow-run", "--allow-env"] as const;

/** A module that has `Barrier` imported, for a worker or a program. */
export function barrierModule(body: string): string {
  return dataUrl(`import { Barrier } from ${BARRIER}; ${body}`);
}

/** The flags of a program whose barriers are over connections, or workers. */
const OVER = [
  "--no-prompt",
  "--allow-net",
  "--allow-read", // a worker's imports need it
  "--unstable-net", // for WebSocketStream
];

/** A program that is such a module. */
export function barrierProgram(body: string, ...args: string[]): CommandLine {
  return [Deno.execPath(), "run", ...OVER, barrierModule(body), ...args];
}

/** Runs a program of `tests/testdata/barrier_over.ts` to its end. */
export function runBarrierOver(...args: string[]): Promise<Output> {
  return runTestdata("barrier_over.ts", args, OVER);
}

/** Runs such a program to its end. */
export function runBarrierProgram(
  body: string,
  ...args: string[]
): Promise<Output> {
  return run(barrierProgram(body, ...args));
}

/** A shell script as a child: descriptor 3 is its channel. */
export function shell(
  script: string,
  options?: SpawnCommandOptions,
): BarrierProcess {
  return spawnWithBarrier(["sh", "-c", script], options);
}

/** Reads a stream until it has brought `end`, or is over, and stays open. */
export async function readUntil(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  end: string,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes(end)) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value);
  }
  return text;
}

/** Where a program of `tests/testdata` stands. */
export function testdata(name: string): string {
  return import.meta.resolve(`../testdata/${name}`);
}

/** The command line of a program of `tests/testdata`. */
export function testdataCommand(
  name: string,
  args: readonly string[] = [],
  flags: readonly string[] = ["--allow-all"],
): CommandLine {
  return [Deno.execPath(), "run", ...flags, testdata(name), ...args];
}

/** Starts such a program. */
export function startTestdata(
  ...args: Parameters<typeof testdataCommand>
): Deno.ChildProcess {
  return start(testdataCommand(...args));
}

/** Runs such a program to its end. */
export function runTestdata(
  ...args: Parameters<typeof testdataCommand>
): Promise<Output> {
  return run(testdataCommand(...args));
}

/** A value as the source of a module has it. */
export function json(value: unknown): string {
  return JSON.stringify(value);
}

/** A module of its own, without a file. */
export function dataUrl(source: string): string {
  return `data:application/typescript,${encodeURIComponent(source)}`;
}
