// Copyright 2026 the @ipc/barrier authors. MIT license.

import type { CommandLine } from "./run.ts";

/**
 * Looks for a program that tests need, and says so where it is not there.
 *
 * @param program Its name.
 * @returns Whether it is installed.
 */
export function isInstalled(program: string): boolean {
  const installed = isThere(program);
  if (!installed) console.log(`Ignoring tests: ${program} is not installed`);
  return installed;
}

function isThere(program: string): boolean {
  return pathsOf(program).length > 0;
}

/** The files that a program can be, in the order of `PATH`; no process looks. */
function pathsOf(program: string): string[] {
  const isWindows = Deno.build.os === "windows";
  const directories = program.includes("/")
    ? [""]
    : (Deno.env.get("PATH") ?? "").split(isWindows ? ";" : ":")
      .map((directory) => `${directory}/`);
  const endings = isWindows ? [".exe", ".cmd"] : [""];
  return directories.flatMap((directory) =>
    endings.map((ending) => `${directory}${program}${ending}`)
  ).filter(isProgram);
}

function isProgram(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false; // whatever is wrong with it, it can't be run
  }
}

/** Whether a command can be run, and ends well. */
function succeeds([program, ...args]: CommandLine): boolean {
  const command = new Deno.Command(program, {
    args,
    stdout: "null",
    stderr: "null",
  });
  try {
    return command.outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false; // no shell
    throw error;
  }
}

/**
 * Whether a library is preloaded into all programs. Deno then starts none for a
 * process that is allowed to run only some of them.
 */
export const HAS_PRELOAD: boolean = Deno.env.has("LD_PRELOAD");
if (HAS_PRELOAD) {
  console.log("Ignoring tests: LD_PRELOAD needs --allow-run for all programs");
}

/** Whether this Deno knows which descriptors it has inherited, as of 2.9. */
export function knowsInherited(): boolean {
  const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
  const knows = major > 2 || (major === 2 && minor >= 9);
  if (!knows) {
    console.log("Ignoring tests: this Deno does not know what it inherited");
  }
  return knows;
}

/**
 * Finds Python itself, and says so where it isn't installed. The `python3` of a
 * version manager is a script that takes much longer to start.
 */
function pythonPath(): string | undefined {
  if (!isInstalled("python3")) return undefined;
  const paths = pathsOf("python3");
  return paths.find((path) => !isScript(path)) ?? paths[0];
}

function isScript(path: string): boolean {
  using file = Deno.openSync(path);
  const start = new Uint8Array(2);
  file.readSync(start);
  return new TextDecoder().decode(start) === "#!";
}

const pythonBinary = pythonPath();

/**
 * What runs a script in Python, if that is installed. It looks for no packages,
 * so that it starts in half the time.
 */
export const PYTHON: CommandLine | undefined = pythonBinary === undefined
  ? undefined
  : [pythonBinary, "-S"];

/** What runs a program in Node, if that is installed. */
export const NODE: CommandLine | undefined = isInstalled("node")
  ? withoutCertificates("node")
  : undefined;

/** To read more certificates takes Node half as long as to start. */
export function withoutCertificates(node: string): CommandLine {
  const variable = "NODE_EXTRA_CA_CERTS";
  return Deno.env.has(variable) && Deno.build.os !== "windows"
    ? ["env", "-u", variable, node]
    : [node];
}

/** The program that compiles and bundles TypeScript fastest. */
export const ESBUILD = "npm:esbuild@0.28.2";

const BUN = "bun@1.4.5";
const NODE_24 = "node@24.21.0";

/**
 * Finds Bun, which npm brings where it is not installed.
 *
 * @returns The path of its binary, if there is one.
 */
export function bunPath(): string | undefined {
  return isThere("bun") ? "bun" : npmPath(BUN);
}

/**
 * Finds a Node 24, which npm brings.
 *
 * @returns The path of its binary, if there is one.
 */
export function node24Path(): string | undefined {
  return npmPath(NODE_24);
}

/**
 * Finds a program that is a package of npm's, which is installed once, and says so
 * where that does not work.
 */
function npmPath(npmPackage: string): string | undefined {
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE");
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${home}/.cache`;
  const prefix = `${cache}/ipc-barrier-tests/${npmPackage}`;
  const program = npmPackage.replace(/@.*/, "");
  const path = `${prefix}/node_modules/.bin/${program}`;
  if (isThere(path)) return path;
  const install = ["install", "--silent", "--prefix", prefix, npmPackage];
  if (succeeds(["npm", ...install]) && succeeds([path, "--version"])) {
    return path;
  }
  if (isThere(path)) Deno.removeSync(prefix, { recursive: true });
  console.log(`Ignoring tests: npm cannot install ${npmPackage}`);
  return undefined;
}
