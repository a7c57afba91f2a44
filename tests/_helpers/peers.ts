// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The programs that `PROTOCOL.md` shows, in other languages than this one. */

import { isInstalled } from "./programs.ts";
import { type CommandLine, run } from "./run.ts";

/** A program that makes the calls which its arguments name. */
export interface PeerProgram {
  language: string;
  file: string;
  command: CommandLine;
  /** What it calls `waitNext`. */
  waitNext: string;
  /** Whether it reads all that has arrived, and refuses what breaks the rules. */
  checks: boolean;
  ignore: boolean;
}

/** Where the programs are. */
export const TESTDATA: string = `${import.meta.dirname}/../testdata`;

/** The programs of all languages. */
export const PEER_PROGRAMS: readonly PeerProgram[] = [
  interpreted("bash", "bash", "peer.sh"),
  interpreted("Python", "python3", "peer.py"),
  interpreted("Node", "node", "peer.mjs"),
  await compiled("C", "cc", "peer.c"),
];

function interpreted(
  language: string,
  interpreter: string,
  file: string,
): PeerProgram {
  return {
    language,
    file,
    command: [interpreter, `${TESTDATA}/${file}`],
    waitNext: language === "Node" ? "waitNext" : "wait_next",
    checks: language !== "bash",
    ignore: !isInstalled(interpreter),
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
    const source = `${TESTDATA}/${file}`;
    const { code, stderr } = await run([compiler, "-o", program, source]);
    if (code !== 0) throw new Error(stderr);
  }
  return {
    language,
    file,
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
