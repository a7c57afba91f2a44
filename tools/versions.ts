// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Runs the tests with the real binaries of several releases of Deno, which npm
 * brings, and in the other runtimes, and prints the tables of
 * docs/compatibility.md: `deno task versions`.
 *
 * Named releases replace the list of those of Deno: `deno task versions 2.8.1`. With
 * `--runtimes`, only the other runtimes are tested.
 *
 * @module
 */

import { isInstalled } from "../tests/_helpers/programs.ts";
import { run } from "../tests/_helpers/run.ts";
import { RUNTIMES } from "../tests/_helpers/runtimes.ts";
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

async function testReleases(
  both: readonly string[],
  child: readonly string[],
): Promise<void> {
  await using directory = await TempDir.make();
  console.log("| Deno | What runs it | Works |");
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
  console.log();
}

/** The tests that run other runtimes than Deno. */
const RUNTIME_TESTS = [
  "tests/browser_test.ts",
  "tests/npm_consumer_test.ts",
  "tests/barrier_over_runtimes_test.ts",
  "tests/portable_test.ts",
  "tests/runtimes_test.ts",
];

/** The columns of the table of runtimes, with the names of their tests. */
const COLUMNS: readonly [string, RegExp][] = [
  ['`inheritBarrier()` over `"fd"`', /over "fd"/],
  ['`inheritBarrier()` over `"stdio"`', /over "stdio"/],
  ["a `WebSocket`", /WebSocket/],
  ["ports, workers, completions", /^(?!.*(over "|WebSocket))/],
];

/** Prints what works in each runtime but Deno. */
async function testRuntimes(): Promise<void> {
  await using directory = await TempDir.make();
  const report = `${directory.path}/report.xml`;
  const files = ["--no-check", `--junit-path=${report}`, ...RUNTIME_TESTS];
  await test(Deno.execPath(), files, { BARRIER_TEST_RUNTIMES: "1" });
  const results = testCases(await Deno.readTextFile(report));
  console.log(
    `| Runtime | Version | ${COLUMNS.map(([title]) => title).join(" | ")} |`,
  );
  console.log(`| --- | --- | ${COLUMNS.map(() => "---").join(" | ")} |`);
  const rows = [
    ...RUNTIMES.map(({ name, command }) => ({
      title: name.replace(/ .*/, ""),
      program: command?.at(-1),
      tests: new RegExp(` (in|for) ${name}$`),
    })),
    {
      title: "Chromium",
      program: isInstalled("chromium") ? "chromium" : undefined,
      tests: /page|worker/,
    },
  ];
  for (const { title, program, tests } of rows) {
    const own = results.filter(({ name }) => tests.test(name));
    const cells = COLUMNS.map(([_, column]) =>
      summary(own.filter(({ name }) => column.test(name)))
    );
    const version = program === undefined ? "" : await versionOf(program);
    console.log(`| ${title} | ${version} | ${cells.join(" | ")} |`);
  }
}

/** A test, and whether it passed. */
interface TestCase {
  name: string;
  result: "passed" | "failed" | "ignored";
}

/** Returns the tests of a report in JUnit's format. */
function testCases(report: string): TestCase[] {
  const cases = report.matchAll(
    /<testcase name="([^"]*)"[^>]*?(?:\/>|>(.*?)<\/testcase>)/gs,
  );
  return Array.from(cases, ([_, name, content = ""]) => ({
    name: name!.replaceAll("&quot;", '"').replaceAll("&apos;", "'"),
    result: content.includes("<failure")
      ? "failed"
      : content.includes("<skipped")
      ? "ignored"
      : "passed",
  }));
}

/** Says in a cell of the table whether tests passed, and how many. */
function summary(tests: readonly TestCase[]): string {
  const count = (result: TestCase["result"]) =>
    tests.filter((test) => test.result === result).length;
  if (count("failed") > 0) return `no (${count("failed")} failed)`;
  if (count("passed") > 0) return `yes (${count("passed")} passed)`;
  return tests.length > 0 ? "not tested" : "–";
}

/** Returns the version that a program prints. */
async function versionOf(program: string): Promise<string> {
  const { stdout } = await run([program, "--version"]);
  return /\d+(\.\d+)+/.exec(stdout)?.[0] ?? stdout;
}

const releases = Deno.args.filter((arg) => arg !== "--runtimes");
if (releases.length > 0) await testReleases(releases, []);
else if (Deno.args.length === 0) await testReleases(BOTH, CHILD);
if (releases.length === 0) await testRuntimes();
Deno.exit(failed ? 1 : 0);
