// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The programs in `peers/`, each in another language. */

import { bunPath, isInstalled, NODE, PYTHON } from "./programs.ts";
import { type CommandLine, run } from "./run.ts";

/** A program that makes the calls which its arguments name. */
export interface PeerProgram {
  language: string;
  command: CommandLine;
  /** What it calls `waitNext`. */
  waitNext: string;
  /** Whether it reads all that has arrived, and refuses what breaks the rules. */
  checks: boolean;
  ignore: boolean;
}

/** The directory of the programs. */
const PEERS = `${import.meta.dirname}/../../peers`;
const bun = bunPath();

/** The programs of all languages. */
export const PEER_PROGRAMS: readonly PeerProgram[] = [
  interpreted("bash", isInstalled("bash") ? ["bash"] : undefined, "peer.sh"),
  interpreted("Python", PYTHON, "peer.py"),
  interpreted("Node", NODE, "peer.mjs"),
  interpreted("Bun", bun === undefined ? undefined : [bun], "peer.mjs"),
  await compiled("C", "cc", "peer.c"),
];

function interpreted(
  language: string,
  interpreter: CommandLine | undefined,
  file: string,
): PeerProgram {
  return {
    language,
    command: [...interpreter ?? ["false"] as const, `${PEERS}/${file}`],
    waitNext: file === "peer.mjs" ? "waitNext" : "wait_next",
    checks: language !== "bash",
    ignore: interpreter === undefined,
  };
}

async function compiled(
  language: string,
  compiler: string,
  file: string,
): Promise<PeerProgram> {
  const directory = Deno.makeTempDirSync();
  addEventListener("unload", () => {
    Deno.removeSync(directory, { recursive: true });
  });
  const program = `${directory}/peer`;
  const ignore = !isInstalled(compiler);
  if (!ignore) {
    const source = `${PEERS}/${file}`;
    const { code, stderr } = await run([compiler, "-o", program, source]);
    if (code !== 0) throw new Error(stderr);
  }
  return {
    language,
    command: [program],
    waitNext: "wait_next",
    checks: true,
    ignore,
  };
}

/**
 * The results of a program's calls, each with the note or the reason that it
 * knows then.
 *
 * @param stderr What it printed there.
 * @returns A line for each call.
 */
export function results(stderr: string): string[] {
  return stderr.split("\n").slice(0, -1).map((line) => line.trimEnd());
}
