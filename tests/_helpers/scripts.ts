// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Small programs for the tests, written where they are used. */

import type { BarrierChannelKind } from "../../mod.ts";

const LIBRARY = JSON.stringify(import.meta.resolve("../../mod.ts"));
const INHERIT = JSON.stringify(import.meta.resolve("../../inherit.ts"));

const decoder = new TextDecoder();

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
  permissions = ["--allow-run", "--allow-env"],
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...permissions, parentModule(body)],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs such a parent to its end. */
export async function runParent(
  body: string,
  permissions?: string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const parent = startParent(body, permissions);
  await parent.stdin.close();
  const { code, stdout, stderr } = await parent.output();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Reads a stream until it has brought `end`, or is over, and stays open. */
export async function readUntil(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  end: string,
): Promise<string> {
  let text = "";
  while (!text.includes(end)) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value);
  }
  return text;
}

function dataUrl(source: string): string {
  return `data:application/typescript,${encodeURIComponent(source)}`;
}
