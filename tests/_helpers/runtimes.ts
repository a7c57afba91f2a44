// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The runtimes other than Deno, and the library as JavaScript for them. */

import { LIBRARY, libraryFiles } from "./library.ts";
import {
  bunPath,
  ESBUILD,
  NODE,
  node24Path,
  withoutCertificates,
} from "./programs.ts";
import { type CommandLine, run } from "./run.ts";

const TESTDATA = "tests/testdata/runtimes/";

/** A runtime, and what runs a program in it if that is installed. */
export interface Runtime {
  name: string;
  command: CommandLine | undefined;
}

const bun = bunPath();
const node24 = node24Path();

/** The runtimes that the tests run in, each with a reason where it is missing. */
export const RUNTIMES: readonly Runtime[] = [
  { name: "Node", command: NODE },
  {
    name: "Node 24",
    command: node24 ? withoutCertificates(node24) : undefined,
  },
  { name: "Bun", command: bun ? [bun] : undefined },
];

let library: Promise<string> | undefined;

/**
 * Returns a directory of the library and of `tests/testdata/runtimes` as
 * JavaScript, each module a `.mjs`.
 */
export function transpiled(): Promise<string> {
  return library ??= transpile();
}

async function transpile(): Promise<string> {
  const directory = await Deno.makeTempDir();
  addEventListener("unload", () => {
    Deno.removeSync(directory, { recursive: true });
  });
  const files = await libraryFiles();
  for await (const { name } of Deno.readDir(new URL(TESTDATA, LIBRARY))) {
    files.push(`${TESTDATA}${name}`);
  }
  const { code, stderr } = await run([
    ...[Deno.execPath(), "run", "--allow-all", ESBUILD] as const,
    ...["--format=esm", "--target=es2022", "--out-extension:.js=.mjs"],
    ...["--outbase=.", `--outdir=${directory}`, ...files],
  ], { cwd: LIBRARY });
  if (code !== 0) throw new Error(stderr);
  for (const file of files) {
    const path = `${directory}/${toJavaScript(file)}`;
    const source = await Deno.readTextFile(path);
    await Deno.writeTextFile(
      path,
      source.replace(
        /"\.[^"\n]*\.ts"/g,
        (specifier) => toJavaScript(specifier),
      ),
    );
  }
  return directory;
}

/** Returns what a path or a specifier of a module is called as JavaScript. */
function toJavaScript(path: string): string {
  return path.replace(/\.ts(?="?$)/, ".mjs");
}

/** Writes a program next to the library, and returns its path. */
export async function writeProgram(source: string): Promise<string> {
  const directory = await transpiled();
  const path = `${directory}/${crypto.randomUUID()}.mjs`;
  await Deno.writeTextFile(path, source);
  return path;
}

/** Returns the path of a program of `tests/testdata/runtimes` as JavaScript. */
export async function testdataProgram(name: string): Promise<string> {
  return `${await transpiled()}/${TESTDATA}${toJavaScript(name)}`;
}
