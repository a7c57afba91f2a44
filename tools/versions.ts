// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Runs the tests with the real binaries of several releases of Deno, which npm
 * brings, and prints the table of docs/compatibility.md: `deno task versions`.
 *
 * Named releases replace the list: `deno task versions 2.8.1`.
 *
 * @module
 */

import { run } from "../tests/_helpers/run.ts";
import { TempDir } from "../tests/_helpers/temp_dir.ts";

/** Releases that run both sides: the oldest that works, and minors' last. */
const BOTH = ["2.8.2", "2.8.3", "2.9.6"];
/** Releases that run a child over "stdio" under this Deno: long-term support. */
const CHILD = ["2.2.15", "2.5.7"];

/** Installs a release, and returns the path of its binary. */
async function install(version: string, directory: string): Promise<string> {
  const prefix = `${directory}/${version}`;
  const { code, stderr } = await run(
    ["npm", "install", "--silent", "--prefix", prefix, `deno@${version}`],
  );
  if (code !== 0) throw new Error(`Cannot install Deno ${version}: ${stderr}`);
  const scope = `${prefix}/node_modules/@deno`;
  for await (const { name } of Deno.readDir(scope)) {
    return `${scope}/${name}/deno`;
  }
  throw new Error(`Cannot find the binary of Deno ${version}`);
}

/** Runs tests, and returns their last line: how many passed and failed. */
async function test(
  deno: string,
  files: string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { code, stdout } = await run(
    [
      deno,
      ...["run", "--allow-all", "tools/with_std.ts"],
      ...["test", "--allow-all", ...files],
    ],
    { cwd: new URL("..", import.meta.url), env: { NO_COLOR: "1", ...env } },
  );
  const counts = stdout.match(/\d+ passed.*?\d+ failed/)?.[0]
    .replace(" |", ",") ?? "did not run";
  if (code !== 0) {
    failed = true;
    console.error(stdout);
  }
  return `${code === 0 ? "yes" : "no"} (${counts})`;
}

let failed = false;
const both = Deno.args.length > 0 ? Deno.args : BOTH;
const child = Deno.args.length > 0 ? [] : CHILD;
{
  await using directory = await TempDir.make();
  console.log("| Deno | what runs it | works |");
  console.log("| --- | --- | --- |");
  for (const version of both) {
    const deno = await install(version, directory.path);
    console.log(`| ${version} | both sides | ${await test(deno, ["tests"])} |`);
  }
  for (const version of child) {
    const result = await test(Deno.execPath(), ["tests/systemd_test.ts"], {
      BARRIER_TEST_DENO: await install(version, directory.path),
    });
    console.log(`| ${version} | a child over "stdio" | ${result} |`);
  }
}
Deno.exit(failed ? 1 : 0);
