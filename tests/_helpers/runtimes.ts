// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The runtimes other than Deno, and the library as JavaScript for them. */

import { LIBRARY, libraryFiles } from "./library.ts";
import { bunPath, isInstalled, node24Path } from "./programs.ts";

/** A runtime, and its program if that is installed. */
export interface Runtime {
  name: string;
  program: string | undefined;
}

/** The runtimes that the tests run in, each with a reason where it is missing. */
export const RUNTIMES: readonly Runtime[] = [
  { name: "Node", program: isInstalled("node") ? "node" : undefined },
  { name: "Node 24", program: node24Path() },
  { name: "Bun", program: bunPath() },
];

let library: Promise<string> | undefined;

/** Returns the directory of the library as JavaScript, each module a `.mjs`. */
export function transpiled(): Promise<string> {
  return library ??= transpile();
}

async function transpile(): Promise<string> {
  const directory = await Deno.makeTempDir();
  addEventListener("unload", () => {
    Deno.removeSync(directory, { recursive: true });
  });
  for (const file of await libraryFiles()) {
    const source = await Deno.readTextFile(new URL(file, LIBRARY));
    const path = `${directory}/${file.replace(/\.ts$/, ".mjs")}`;
    await Deno.mkdir(path.replace(/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(path, await toJavaScript(source));
  }
  return directory;
}

async function toJavaScript(source: string): Promise<string> {
  const { default: ts } = await import("npm:typescript@5.9.3"); // takes a while
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
      rewriteRelativeImportExtensions: true,
      verbatimModuleSyntax: true,
    },
  });
  return outputText.replaceAll('.js"', '.mjs"');
}

/** Writes a program next to the library, and returns its path. */
export async function writeProgram(source: string): Promise<string> {
  const directory = await transpiled();
  const path = `${directory}/${crypto.randomUUID()}.mjs`;
  await Deno.writeTextFile(path, source);
  return path;
}

/** Writes a program of `tests/testdata/runtimes` next to the library. */
export async function writeTestdata(name: string): Promise<string> {
  const url = new URL(`../testdata/runtimes/${name}`, import.meta.url);
  const source = await toJavaScript(await Deno.readTextFile(url));
  return await writeProgram(source.replaceAll('"../../../', '"./'));
}
