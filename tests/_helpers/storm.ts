// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Storms: a parent and a child run random programs of calls until one of them
 * dies, somehow, at some moment. Whatever the other saw must be what the rules
 * allow, given what the log of the dead one shows it had sent; and it must end.
 *
 * @module
 */

import { spawnWithBarrier } from "../../mod.ts";
import {
  type Logged,
  logTo,
  Side,
  type SideOptions,
  type Step,
  type WaitStep,
} from "../testdata/storm_side.ts";
import type { WaitCall } from "./model.ts";
import { allGone, workingIn } from "./process_table.ts";
import { type CommandLine, start } from "./run.ts";
import { canSee, possiblySent } from "./storm_rules.ts";
import { TempDir } from "./temp_dir.ts";

const SIDE = new URL("../testdata/storm_side.ts", import.meta.url).href;

/** How long, in milliseconds, a survivor may take at the most, however busy. */
const DEADLINE = 60_000;

/** How long, in milliseconds, two programs may wait for each other. */
const DEADLOCK = 60;

/** How many storms rage at a time. */
const AT_A_TIME = 6;

const WAITS: readonly WaitCall[] = [
  "waitNext",
  "syncNext",
  "sync",
  "sync",
  "step",
  "step",
  "waitAbortion",
];

/** Numbers from 0 to 1 that a seed determines (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  next(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}

/** A storm, as its seed determines it. */
interface Storm {
  channel: "fd" | "stdio";
  victim: "parent" | "child";
  /** What comes from outside when the victim has logged so many lines. */
  outside:
    | { signals: (Deno.Signal | { pause: number })[]; lines: number }
    | undefined;
  /** What a process below the child holds open. */
  held: "nothing" | "stdout" | "channel" | "both";
  /** Whether a parent that dies has other children, which do not. */
  hasSiblings: boolean;
  parent: Step[];
  child: Step[];
}

function makeStorm(seed: number, channel: "fd" | "stdio"): Storm {
  const random = new Random(seed);
  const victim = random.of(["parent", "child"] as const);
  const programs = { parent: makeProgram(random), child: makeProgram(random) };
  const way = random.of(
    ["inside", "inside", "outside", "outside", "both"] as const,
  );
  if (way !== "outside") {
    const die = random.of(["SIGKILL", "SIGTERM", "throw", "exit"] as const);
    // What a signal interrupts within a turn may not have been sent yet.
    const notes = die === "throw" || die === "exit" ? makeNotes(random) : [];
    const program = programs[victim];
    program.splice(random.below(program.length + 1), 0, { die, notes });
  }
  const held = channel === "fd"
    ? random.of(["nothing", "nothing", "stdout", "channel", "both"] as const)
    : random.of(["nothing", "nothing", "both"] as const);
  return {
    channel,
    victim,
    outside: way === "inside" ? undefined : {
      signals: makeSignals(random, way === "both"),
      // A parent's first line says that it has a child.
      lines: random.below(24) + (victim === "parent" ? 1 : 0),
    },
    held,
    hasSiblings: random.next() < 0.3,
    ...programs,
  };
}

/** Signals that end a process or, if it ends by itself, only stop it for a while. */
function makeSignals(
  random: Random,
  endsByItself: boolean,
): (Deno.Signal | { pause: number })[] {
  const stop = ["SIGSTOP", { pause: random.below(20) }] as const;
  if (endsByItself) return [...stop, "SIGCONT"];
  switch (random.below(4)) {
    case 0:
      return [...stop, "SIGKILL"];
    case 1:
      return [...stop, "SIGCONT", { pause: random.below(5) }, "SIGKILL"];
    default:
      return [random.of(["SIGKILL", "SIGTERM"])];
  }
}

function makeNotes(random: Random): (string | null)[] {
  const length = random.next() < 0.2 ? 2 + random.below(30) : 1;
  const make = () => random.next() < 0.5 ? null : `${random.below(1_000)}`;
  return Array.from({ length }, make);
}

function makeProgram(random: Random): Step[] {
  const length = 1 + random.below(8);
  return Array.from({ length }, (): Step => {
    const kind = random.below(24);
    if (kind < 10) return { call: "place", notes: makeNotes(random) };
    if (kind === 10) return { call: "abort" };
    if (kind === 11) return { call: "destroy" };
    if (kind === 12) return { call: "signal" };
    if (kind === 13) return { pause: random.below(40) };
    const step: WaitStep = { call: random.of(WAITS) };
    if (random.next() < 0.3) step.cancelAfter = random.below(10);
    if (random.next() < 0.4) step.isBackground = true;
    return step;
  });
}

/**
 * Lets one storm rage.
 *
 * @throws If the survivor does not come to its end, a side sees what the rules do
 * not allow, or a process is left behind.
 */
export async function checkStorm(
  seed: number,
  channel: "fd" | "stdio",
): Promise<void> {
  const storm = makeStorm(seed, channel);
  await using directory = await TempDir.make();
  const { path } = directory;
  const logs = { parent: `${path}/parent`, child: `${path}/child` };
  const sleepers = `${path}/sleepers`;
  try {
    const rage = storm.victim === "child"
      ? loseChild(storm, path, logs, sleepers)
      : loseParent(storm, path, logs, sleepers);
    const status = await within(rage, "the survivor did not end");
    const gone = allGone(() => workingIn(path));
    await within(gone, "a process was left behind");
    checkLogs(storm, status, await readLogs(logs));
  } catch (cause) {
    for (const pid of await workingIn(path)) kill(pid, "SIGKILL");
    const texts = Object.entries(logs).map(async ([side, log]) =>
      `${side}:\n${await readText(log)}`
    );
    throw new Error(
      `Storm ${seed} over "${channel}": ${cause}\n${
        [JSON.stringify(storm), ...await Promise.all(texts)].join("\n")
      }`,
      { cause },
    );
  } finally {
    const pids = (await readText(sleepers)).split(/\s+/).filter(Boolean);
    for (const pid of pids) kill(Number(pid), "SIGKILL");
  }
}

type Logs<T> = Record<"parent" | "child", T>;

/** Compares what both sides saw with the rules. */
function checkLogs(
  { victim }: Storm,
  status: Deno.CommandStatus,
  logs: Logs<Logged[]>,
): void {
  const [lost, survived] = victim === "child"
    ? [logs.child, logs.parent]
    : [logs.parent, logs.child];
  if (!survived.some((line) => "finished" in line)) {
    throw new Error("the survivor ended before its waits did");
  }
  const throws = lost.some((line) =>
    "began" in line && "die" in line.began && line.began.die === "throw"
  );
  if (status.code === 1 && !throws) throw new Error("the victim failed");
  for (
    const [side, peer] of [["parent", "child"], ["child", "parent"]] as const
  ) {
    const isAllowed = possiblySent(logs[peer]).some((sent) =>
      canSee(logs[side], sent)
    );
    if (!isAllowed) throw new Error(`the ${side} saw what cannot be`);
  }
}

/** The child dies. The parent is this process. */
async function loseChild(
  storm: Storm,
  cwd: string,
  logs: Logs<string>,
  sleepers: string,
): Promise<Deno.CommandStatus> {
  await using child = spawnWithBarrier(childCommand(storm, logs, sleepers), {
    cwd,
    channel: storm.channel,
    stderr: "null",
    stopGracePeriod: 1_000,
  });
  using log = Deno.openSync(logs.parent, { append: true, create: true });
  const killing = killVictim(storm, child.pid, logs.child, child.exited);
  await new Side(child, logTo(log)).run(storm.parent);
  await killing;
  return await child.status;
}

/** The parent dies. It is a process of its own, and so is its child. */
async function loseParent(
  storm: Storm,
  cwd: string,
  logs: Logs<string>,
  sleepers: string,
): Promise<Deno.CommandStatus> {
  const parent = start(
    sideCommand({
      program: storm.parent,
      log: logs.parent,
      child: {
        command: childCommand(storm, logs, sleepers),
        channel: storm.channel,
        sleepers: storm.hasSiblings ? sleepers : undefined,
      },
    }),
    { cwd, stdin: "null", stdout: "null", stderr: "null" },
  );
  await killVictim(storm, parent.pid, logs.parent, parent.status);
  return await parent.status;
}

/** Runs the child, maybe with one below it that holds what it inherits for long. */
function childCommand(
  { channel, child, held }: Storm,
  logs: Logs<string>,
  sleepers: string,
): CommandLine {
  const command = sideCommand({ program: child, log: logs.child });
  if (held === "nothing") return command;
  const redirections = {
    stdout: "3>&-",
    channel: ">/dev/null",
    both: channel === "stdio" ? "<&0" : "",
  };
  const script = `(cd / && exec sleep 1000) ${
    redirections[held]
  } & echo $! >>${sleepers}; exec "$@"`;
  return ["sh", "-c", script, "sh", ...command];
}

function sideCommand(options: SideOptions): CommandLine {
  const flags = ["--quiet", "--no-check", "--allow-all"];
  return [Deno.execPath(), "run", ...flags, SIDE, JSON.stringify(options)];
}

/**
 * Sends what comes from outside when the log says so, and kills the victim when
 * nothing goes on any more.
 */
async function killVictim(
  { outside }: Storm,
  pid: number,
  log: string,
  exited: Promise<unknown>,
): Promise<void> {
  let hasExited = false;
  exited.then(() => hasExited = true);
  let signals = outside?.signals ?? [];
  let lines = 0;
  let since = performance.now();
  for (; !hasExited; await delay(2)) {
    const count = (await readText(log)).split("\n").length - 1;
    if (count > lines) since = performance.now();
    lines = count;
    if (outside && lines >= outside.lines) {
      for (const signal of signals) {
        if (typeof signal !== "string") await delay(signal.pause);
        else if (!hasExited) kill(pid, signal);
      }
      signals = [];
    }
    if (lines > 0 && performance.now() - since > DEADLOCK) break;
  }
  if (!hasExited) kill(pid, "SIGKILL");
}

/** Sends a signal to a process that may have gone. */
function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function within<T>(promise: Promise<T>, otherwise: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), DEADLINE);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function readText(path: string): Promise<string> {
  return Deno.readTextFile(path).catch(() => "");
}

async function readLogs(paths: Logs<string>): Promise<Logs<Logged[]>> {
  const read = async (path: string): Promise<Logged[]> => {
    const lines = (await readText(path)).split("\n");
    return lines.slice(0, -1).map((line) => JSON.parse(line));
  };
  return { parent: await read(paths.parent), child: await read(paths.child) };
}

/**
 * Lets many storms rage, some at a time.
 *
 * @param seed That of the first; each further one has the next number.
 */
export async function checkStorms(
  { seed, count, channel, log }: {
    seed: number;
    count: number;
    channel: "fd" | "stdio";
    log?: (line: string) => void;
  },
): Promise<void> {
  let next = seed;
  let end = seed + count;
  const work = async () => {
    while (next < end) {
      const done = next - seed;
      if (done > 0 && done % 100 === 0) {
        log?.(`${done} storms over "${channel}"`);
      }
      try {
        await checkStorm(next++, channel);
      } catch (error) {
        end = 0; // for the others as well
        throw error;
      }
    }
  };
  const works = Array.from({ length: AT_A_TIME }, work);
  await Promise.allSettled(works);
  await Promise.all(works);
}
