// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Plants the faults of `tools/mutations.ts` into a copy of this repository, one
 * at a time, runs the tests that should notice, and prints which faults survive:
 * `deno task mutate`. It exits with 1 if one does, or if one can't be planted.
 *
 * Words select the faults whose file or description contains one of them:
 * `deno task mutate sinks "event loop"`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { runMain } from "../spawn.ts";
import { type Mutation, MUTATIONS, testFile } from "./mutations.ts";
import { stdFlags } from "./with_std.ts";

/** How long, in milliseconds, tests may take before anything is planted. */
const UNCHANGED_MAX = 300_000;

/** How much longer they may take with a fault. */
const SLOWER = 3;
const SLOWER_BY = 20_000;

/** How long, in milliseconds, to wait for output after the tests have ended. */
const OUTPUT_GRACE = 1_000;

/** Marks the processes of a run of tests, so that all of them can be found. */
const MARK = "BARRIER_MUTATION";

/** The directory of the copy in which tests make their own files. */
const TEMPORARY = "tmp";

/** What has become of a planted fault. */
export type Verdict =
  /** A test failed. */
  | "caught"
  /** The tests did not end in time, which counts as caught. */
  | "timed out"
  | "survived"
  /** What it replaces does not occur exactly once. */
  | "no longer applies"
  /** Its tests fail without it as well. */
  | "tests fail";

/** A fault that was planted, or could not be. */
export interface Outcome {
  mutation: Mutation;
  verdict: Verdict;
  /** The test that failed. */
  test?: string | undefined;
  /** What the tests printed without the fault, if they fail. */
  output?: string | undefined;
}

/** Options for {@linkcode plant}. */
export interface PlantOptions {
  /** The directory of the repository, which stays as it is. */
  root: string;
  /** Flags of `deno test`. */
  flags?: readonly string[];
  /** The limit for tests with a fault, in milliseconds. */
  limit?: number;
  /** Ends it. */
  signal?: AbortSignal;
}

/** Plants faults, one at a time, and yields what has become of each. */
export async function* plant(
  mutations: readonly Mutation[],
  { root, flags = [], limit, signal }: PlantOptions,
): AsyncGenerator<Outcome, void, void> {
  await using copy = await Copy.of(root);
  const run = (tests: readonly string[], ms: number) =>
    runTests(copy.path, tests, flags, ms, signal);
  const unchanged = new Map<string, Promise<TestRun & { took: number }>>();
  const runUnchanged = async (tests: readonly string[]) => {
    const start = performance.now();
    const result = await run(tests, UNCHANGED_MAX);
    return { ...result, took: performance.now() - start };
  };
  for (const mutation of mutations) {
    const { file, find, replace, tests } = mutation;
    const path = `${copy.path}/${file}`;
    const source = await Deno.readTextFile(path).catch(() => "");
    if (source.split(find).length !== 2) {
      yield { mutation, verdict: "no longer applies" };
      continue;
    }
    const key = tests.join();
    if (!unchanged.has(key)) unchanged.set(key, runUnchanged(tests));
    const before = await unchanged.get(key)!;
    if (before.end !== "passed") {
      const { test, output } = before;
      yield { mutation, verdict: "tests fail", test, output };
      continue;
    }
    await Deno.writeTextFile(path, source.replace(find, () => replace));
    const { end, test } = await run(
      tests,
      limit ?? SLOWER * before.took + SLOWER_BY,
    );
    await Deno.writeTextFile(path, source);
    yield { mutation, verdict: VERDICTS[end], test };
  }
}

/** How tests have ended. */
interface TestRun {
  end: "passed" | "failed" | "late";
  /** The first test that failed. */
  test?: string | undefined;
  output: string;
}

const VERDICTS: Record<TestRun["end"], Verdict> = {
  passed: "survived",
  failed: "caught",
  late: "timed out",
};

/** A copy of the files that git knows, or would know. */
class Copy implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async of(root: string): Promise<Copy> {
    const copy = new Copy(await Deno.makeTempDir({ prefix: "mutate-" }));
    try {
      await Deno.mkdir(`${copy.path}/${TEMPORARY}`);
      // Some tests run programs as another user.
      await Deno.chmod(copy.path, 0o755);
      await Deno.chmod(`${copy.path}/${TEMPORARY}`, 0o777);
      for (const file of await filesOf(root)) await copy.#add(root, file);
      return copy;
    } catch (error) {
      await copy[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #add(root: string, file: string): Promise<void> {
    const directory = file.replace(/[^/]*$/, "");
    await Deno.mkdir(`${this.path}/${directory}`, { recursive: true });
    try {
      await Deno.copyFile(`${root}/${file}`, `${this.path}/${file}`);
    } catch (error) {
      // It was deleted, and git does not know yet.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

async function filesOf(root: string): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd: root,
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(
      `Cannot list the files of ${root}: ${decoder.decode(stderr)}`,
    );
  }
  return decoder.decode(stdout).split("\0").filter((file) => file !== "");
}

/** Runs tests, and ends whatever they have started. */
async function runTests(
  cwd: string,
  tests: readonly string[],
  flags: readonly string[],
  ms: number,
  signal?: AbortSignal,
): Promise<TestRun> {
  signal?.throwIfAborted();
  const mark = crypto.randomUUID();
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      ...flags,
      "--allow-all",
      "--no-check",
      "--fail-fast",
      "--sanitize-ops",
      "--sanitize-resources",
      ...tests.map(testFile),
    ],
    cwd,
    env: { NO_COLOR: "1", TMPDIR: `${cwd}/${TEMPORARY}`, [MARK]: mark },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true, // a process group of its own
  }).spawn();
  const outputs = [new Output(process.stdout), new Output(process.stderr)];
  let isLate = false;
  const end = () => killGroup(process.pid);
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, ms);
  signal?.addEventListener("abort", end);
  try {
    const { success } = await process.status;
    signal?.throwIfAborted();
    end();
    await killMarked(mark);
    const [stdout, stderr] = await Promise.all(
      outputs.map((output) => output.text()),
    );
    const test = /^(.+) \.\.\. FAILED/m.exec(stdout!)?.[1];
    return {
      end: isLate ? "late" : success ? "passed" : "failed",
      test,
      output: stdout! + stderr!,
    };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
    await killMarked(mark);
    await Promise.all(outputs.map((output) => output.cancel()));
  }
}

/** What a run prints, even if a process that it has left holds the pipe. */
class Output {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #ended: Promise<void>;
  #text = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.#ended = this.#read();
  }

  async #read(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  async text(): Promise<string> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, OUTPUT_GRACE);
    });
    await Promise.race([this.#ended, late]);
    clearTimeout(timer);
    return this.#text;
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}

function killGroup(pid: number): void {
  // Windows has no process groups.
  kill(Deno.build.os === "windows" ? pid : -pid);
}

function kill(target: number): void {
  try {
    Deno.kill(target, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** Ends processes that have left the group of the tests. Linux alone. */
async function killMarked(mark: string): Promise<void> {
  if (Deno.build.os !== "linux") return;
  // A process that is found may have started another one.
  for (let pids; (pids = await marked(mark)).length > 0;) pids.forEach(kill);
}

async function marked(mark: string): Promise<number[]> {
  const pids: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const variables = await Deno.readTextFile(`/proc/${name}/environ`)
      .catch(() => "");
    if (variables.includes(`${MARK}=${mark}`)) pids.push(Number(name));
  }
  return pids;
}

/** Describes a fault in a line. */
function describe({ file, find, replace, description }: Mutation): string {
  const short = (text: string) => {
    const line = text.trim().replace(/\s+/g, " ");
    return line.length > 40 ? `${line.slice(0, 40)}...` : line;
  };
  const change = replace.trim() === ""
    ? `without ${short(find)}`
    : `${short(find)} -> ${short(replace)}`;
  return `${file}: ${description ?? change}`;
}

/** The faults whose file or description contains one of the words. */
function selected(words: readonly string[]): readonly Mutation[] {
  if (words.length === 0) return MUTATIONS;
  return MUTATIONS.filter(({ file, description = "" }) =>
    words.some((word) => `${file}\n${description}`.includes(word))
  );
}

/** Plants the faults that the arguments select, and returns the exit code. */
async function main(signal: AbortSignal): Promise<number> {
  const mutations = selected(Deno.args);
  if (mutations.length === 0) {
    console.error(`No fault has any of these words: ${Deno.args.join(", ")}`);
    return 1;
  }
  const flags = await stdFlags();
  const counts = new Map<Verdict, number>();
  const failures: string[] = [];
  const outputs = new Set<string>();
  const root = fileURLToPath(new URL("..", import.meta.url));
  for await (
    const { mutation, verdict, test, output } of plant(mutations, {
      root,
      flags,
      signal,
    })
  ) {
    const line = `${verdict.padEnd(18)} ${describe(mutation)}`;
    console.log(test === undefined ? line : `${line} (${test})`);
    if (output !== undefined && !outputs.has(output)) console.error(output);
    outputs.add(output ?? "");
    counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
    if (verdict !== "caught" && verdict !== "timed out") failures.push(line);
  }
  const summary = Array.from(counts, ([verdict, n]) => `${n} ${verdict}`);
  console.log(`\n${mutations.length} faults: ${summary.join(", ")}`);
  for (const failure of failures) console.log(failure);
  return failures.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await runMain(main));
