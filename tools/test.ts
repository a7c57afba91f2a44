// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Runs the tests in several processes side by side: `deno task test`.
 *
 * A test changes what belongs to its whole process: signal listeners, the
 * environment, descriptors, globals. `deno test --parallel` runs files in
 * threads of one process, so here each process runs some files, one after the
 * other. Which files run in one process is the same on all machines. The files
 * of a process are imported by one module, as Deno fills 80 MB for each module
 * that it runs tests of.
 *
 * - `deno task test tests/spawn_test.ts docs` runs these alone.
 * - `deno task test --filter=stop` passes the flag on to `deno test`.
 *
 * @module
 */

import { stdFlags } from "./with_std.ts";

const ROOT = new URL("../", import.meta.url);

/** The module that imports the files of a process, which are its arguments. */
const IMPORTS = "tools/test_files.ts";

/** How many files a process runs at the most. */
const FILES = 5;

/** The files that take longest though others are larger, with the longest first. */
const SLOW = [
  "npm_consumer",
  "foreign",
  "spawn/child_process",
  "peer",
  "runtimes",
  "cluster",
  "readme",
  "trace",
  "dev",
  "services",
  "spawn_output",
  "limits",
  "spawn_output_kinds",
  "spawn/ending",
  "protocol",
  "terminal",
  "runtime/at_exit",
  "spawn/run_main",
].map((name) => `tests/${name}_test.ts`);

/** After how many milliseconds a process is stopped: it has hung. */
const DEADLINE = 20 * 60_000;

/** How many processes run at the same time: some tests wait for a clock. */
const TOGETHER = navigator.hardwareConcurrency + 1;

/** What a process runs: its arguments. */
export type Job = readonly string[];

/** What came of a process. */
export interface Result {
  code: number;
  output: string;
}

/** A file of tests, by its path from the root. */
export interface TestFile {
  path: string;
  size: number;
}

/** Finds the files of tests in a directory. */
async function testFiles(directory: string): Promise<TestFile[]> {
  const files: TestFile[] = [];
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(directory, ROOT))
  ) {
    if (isDirectory) files.push(...await testFiles(`${directory}${name}/`));
    else if (name.endsWith("_test.ts")) {
      const path = `${directory}${name}`;
      const { size } = await Deno.stat(new URL(path, ROOT));
      files.push({ path, size });
    }
  }
  return files;
}

/** Divides files among as few processes as {@linkcode FILES} allows. */
export function divide(files: readonly TestFile[]): string[][] {
  const count = Math.ceil(files.length / FILES);
  const fastestFirst = SLOW.toReversed();
  const slowness = (path: string) => fastestFirst.indexOf(path);
  // Those that take longest are in different processes, and begin.
  const sorted = files.toSorted((a, b) =>
    slowness(b.path) - slowness(a.path) ||
    b.size - a.size || (a.path < b.path ? -1 : 1)
  ).map(({ path }) => path);
  return Array.from(
    { length: count },
    (_, index) => sorted.filter((_, i) => i % count === index),
  );
}

async function run(args: Job): Promise<Result> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(DEADLINE),
  }).spawn();
  const pieces: string[] = [];
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
      pieces.push(piece);
    }
  };
  const reading = Promise.all([read(process.stdout), read(process.stderr)]);
  const { code } = await process.status;
  // A process that a failed test has left behind may hold the pipes.
  await Promise.race([
    reading,
    new Promise((resolve) => setTimeout(resolve, 2_000)),
  ]);
  return { code, output: pieces.join("") };
}

/** Counts of Deno's last line, such as `ok | 34 passed (2 steps) | 0 failed (6s)`. */
const COUNTS = /^(?:ok|FAILED) \| .+$/gm;

/** Adds up what the processes ended with. */
export class Summary {
  readonly #counts = { passed: 0, failed: 0, ignored: 0, "filtered out": 0 };
  readonly #failures: string[] = [];

  add(job: Job, { code, output }: Result): void {
    // deno-lint-ignore no-control-regex -- colors
    const text = output.replaceAll(/\x1b\[[\d;]*m/g, "");
    const line = text.match(COUNTS)?.at(-1) ?? "";
    let failed = 0;
    for (
      const name of ["passed", "failed", "ignored", "filtered out"] as const
    ) {
      const count = Number(new RegExp(`(\\d+) ${name}`).exec(line)?.[1] ?? 0);
      this.#counts[name] += count;
      if (name === "failed") failed = count;
    }
    if (code === 0) return;
    if (failed === 0) this.#counts.failed++;
    const start = text.lastIndexOf("\n FAILURES ");
    this.#failures.push(
      start < 0
        ? `deno ${job.join(" ")}: exit code ${code}`
        : text.slice(start + 11, text.lastIndexOf(line)).trim(),
    );
  }

  get succeeded(): boolean {
    return this.#failures.length === 0;
  }

  toString(): string {
    const { passed, failed, ...rest } = this.#counts;
    const others = Object.entries(rest).filter(([, count]) => count > 0)
      .map(([name, count]) => ` | ${count} ${name}`);
    const seconds = Math.round(performance.now() / 1_000);
    return [
      ...this.succeeded ? [] : [" FAILURES ", "", ...this.#failures, ""],
      `${
        this.succeeded ? "ok" : "FAILED"
      } | ${passed} passed | ${failed} failed${others.join("")} (${
        Math.floor(seconds / 60)
      }m${seconds % 60}s)`,
    ].join("\n");
  }
}

async function main(): Promise<number> {
  const flags = Deno.args.filter((arg) => arg.startsWith("-"));
  const named = Deno.args.filter((arg) => !arg.startsWith("-"));
  const std = await stdFlags();
  const test = [
    ...["test", ...std, "--no-check", "--allow-all"],
    ...["--sanitize-ops", "--sanitize-resources", ...flags],
  ];
  const files = await testFiles("tests/");
  const jobs: Job[] = [
    // All types are checked once, and not by each process.
    ["check", ...std, "--quiet", "--doc", ".", "README.md", "docs"],
    ...named.length > 0
      ? [[...test, "--doc", ...named]]
      : divide(files).map((paths) => [...test, IMPORTS, "--", ...paths]),
  ];
  const summary = new Summary();
  const work = async () => {
    for (let job; (job = jobs.shift()) !== undefined;) {
      const result = await run(job);
      console.log(result.output.trimEnd());
      summary.add(job, result);
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, work));
  console.log(`\n${summary}`);
  return summary.succeeded ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
