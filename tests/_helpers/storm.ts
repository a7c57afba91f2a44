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
  type Death,
  type Logged,
  runSide,
  type SideOptions,
  type Step,
} from "../testdata/storm_side.ts";
import { type Event, type Message, Model, type WaitCall } from "./model.ts";
import { allGone } from "./process_table.ts";
import { start } from "./run.ts";
import { TempDir } from "./temp_dir.ts";

const SIDE = new URL("../testdata/storm_side.ts", import.meta.url).href;

/** How long, in milliseconds, a survivor may take at the most, however busy. */
const DEADLINE = 60_000;

/** How long, in milliseconds, two programs may wait for each other. */
const DEADLOCK = 100;

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

/** A step that calls the barrier. */
type Call = Exclude<Step, { die: Death } | { pause: number }>;

/** A storm, as its seed determines it. */
interface Storm {
  channel: "fd" | "stdio";
  victim: "parent" | "child";
  /** A signal that comes from outside when the victim has logged so much. */
  outside: { signals: Deno.Signal[]; lines: number } | undefined;
  /** What a process below the child holds open. */
  held: "nothing" | "stdout" | "channel" | "both";
  parent: Step[];
  child: Step[];
}

function makeStorm(seed: number, channel: "fd" | "stdio"): Storm {
  const random = new Random(seed);
  const victim = random.of(["parent", "child", "child"] as const);
  const programs = { parent: makeProgram(random), child: makeProgram(random) };
  const isOutside = random.next() < 0.4;
  if (!isOutside) {
    const die = random.of(["SIGKILL", "SIGTERM", "throw", "exit"] as const);
    // What a signal interrupts within a turn may not have been sent yet.
    const notes = die === "throw" || die === "exit" ? makeNotes(random) : [];
    const program = programs[victim];
    program.splice(random.below(program.length + 1), 0, { die, notes });
  }
  const signals: Deno.Signal[] = random.next() < 0.3
    ? ["SIGSTOP", "SIGCONT", "SIGKILL"]
    : [random.of(["SIGKILL", "SIGTERM"] as const)];
  const held = channel === "fd"
    ? random.of(["nothing", "nothing", "stdout", "channel", "both"] as const)
    : random.of(["nothing", "nothing", "both"] as const);
  return {
    channel,
    victim,
    outside: isOutside ? { signals, lines: random.below(20) } : undefined,
    held: victim === "child" ? held : "nothing",
    ...programs,
  };
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
    const call: WaitCall = random.of(
      ["waitNext", "syncNext", "sync", "sync", "step", "step"] as const,
    );
    if (kind === 12) return { call: "waitAbortion" };
    if (kind < 16) return { pause: random.below(60) };
    if (call === "step" || random.next() < 0.7) return { call };
    return { call, cancelAfter: random.below(10) };
  });
}

/**
 * Lets one storm rage.
 *
 * @throws If the survivor does not end, sees what the rules do not allow, or
 * anything is left behind.
 */
export async function checkStorm(
  seed: number,
  channel: "fd" | "stdio",
): Promise<void> {
  const storm = makeStorm(seed, channel);
  await using directory = await TempDir.make();
  const logs = {
    parent: `${directory.path}/parent`,
    child: `${directory.path}/child`,
  };
  const pidFile = `${directory.path}/holder`;
  try {
    const rage = storm.victim === "child"
      ? loseChild(storm, logs, pidFile)
      : loseParent(storm, logs);
    await within(rage, "the survivor did not end");
    await within(allGone(directory.path), "a process was left behind");
    const log = {
      parent: await readLog(logs.parent),
      child: await readLog(logs.child),
    };

    if (!isAllowed(log.parent, log.child)) {
      throw new Error("the parent saw what cannot be");
    }
    if (!isAllowed(log.child, log.parent)) {
      throw new Error("the child saw what cannot be");
    }
  } catch (cause) {
    const [parent, child] = await Promise.all(
      Object.values(logs).map((log) => Deno.readTextFile(log).catch(() => "")),
    );
    throw new Error(
      `Storm ${seed} over "${channel}": ${cause}\n${
        JSON.stringify(storm)
      }\nparent:\n${parent}child:\n${child}`,
      { cause },
    );
  } finally {
    const holder = Number(await Deno.readTextFile(pidFile).catch(() => ""));
    if (holder > 0) Deno.kill(holder, "SIGKILL");
  }
}

type Logs = Record<"parent" | "child", string>;

/** The child dies. The parent is this process. */
async function loseChild(
  storm: Storm,
  logs: Logs,
  pidFile: string,
): Promise<void> {
  const child = spawnWithBarrier(
    holding(
      storm,
      pidFile,
      sideCommand({ program: storm.child, log: logs.child }),
    ),
    { channel: storm.channel, stderr: "null", killAfter: 1_000 },
  );
  await using _child = child;
  const log = Deno.openSync(logs.parent, { append: true, create: true });
  using _log = log;
  const encoder = new TextEncoder();
  const killing = killVictim(storm, child.pid, logs.child, child.exited);
  await runSide(child, storm.parent, (entry) => {
    log.writeSync(encoder.encode(`${JSON.stringify(entry)}\n`));
  });
  await killing;
  await child.status;
}

/** The parent dies. It is a process of its own, and so is its child. */
async function loseParent(storm: Storm, logs: Logs): Promise<void> {
  const command = sideCommand({ program: storm.child, log: logs.child });
  const [program, ...args] = sideCommand({
    program: storm.parent,
    log: logs.parent,
    child: { command, channel: storm.channel },
  });
  const parent = start([program!, ...args], {
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  await killVictim(storm, parent.pid, logs.parent, parent.status);
  await parent.status;
}

function sideCommand(options: SideOptions): string[] {
  const flags = ["--quiet", "--no-check", "--allow-all"];
  return [Deno.execPath(), "run", ...flags, SIDE, JSON.stringify(options)];
}

/** Lets a process below the child hold what it inherited, longer than it lives. */
function holding(
  { held }: Storm,
  pidFile: string,
  command: string[],
): string[] {
  if (held === "nothing") return command;
  const redirections = held === "stdout"
    ? "3>&-"
    : held === "channel"
    ? ">/dev/null"
    : "";
  const script =
    `sleep 1000 <&1 ${redirections} & echo $! >${pidFile}; exec "$@"`;
  return ["sh", "-c", script, "sh", ...command];
}

/** Kills the victim when its log says so, or when nothing goes on any more. */
async function killVictim(
  { outside }: Storm,
  pid: number,
  log: string,
  exited: Promise<unknown>,
): Promise<void> {
  let hasExited = false;
  exited.then(() => hasExited = true);
  let lines = -1;
  for (let since = performance.now(); !hasExited;) {
    const text = await Deno.readTextFile(log).catch(() => "");
    const count = text.split("\n").length - 1;
    if (count !== lines) since = performance.now();
    lines = count;
    if (outside && lines >= outside.lines) break;
    if (lines > 0 && performance.now() - since > DEADLOCK) break;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  for (const signal of outside?.signals ?? ["SIGKILL"]) {
    if (hasExited) return;
    try {
      Deno.kill(pid, signal);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function within(
  promise: Promise<void>,
  otherwise: string,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), DEADLINE);
  });
  try {
    await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Puts what was logged before and after a step together. */
async function readLog(path: string): Promise<Logged[]> {
  const text = await Deno.readTextFile(path).catch(() => "");
  const entries: Logged[] = [];
  for (const line of text.split("\n").slice(0, -1)) {
    const entry: Logged = JSON.parse(line);
    if (
      entries.length > 0 && !("result" in entries.at(-1)!) && "result" in entry
    ) {
      entries.pop();
    }
    entries.push(entry);
  }
  return entries;
}

/** Whether what one side saw is what the rules allow, given the other's log. */
export function isAllowed(seen: Logged[], peer: Logged[]): boolean {
  return possiblySent(peer).some((sent) => canSee(seen, sent));
}

/**
 * What a side can have sent. Of a call that it died in nobody knows how much of
 * it was done.
 */
function possiblySent(log: Logged[]): Message[][] {
  const sent: Message[] = [];
  const model = new Model(); // knows what is sent at all
  for (const { step, ...rest } of log) {
    if ("pause" in step) continue;
    const messages = messagesOf(step);
    if (!("result" in rest)) {
      return Array.from(
        { length: messages.length + 1 },
        (_, count) => ending([...sent, ...messages.slice(0, count)]),
      );
    }
    if ("die" in step) {
      if (rest.result) sent.push(...messages);
      break;
    }
    if (rest.result === false && step.call === "place") continue;
    const { length } = model.sent;
    if (step.call === "place") sent.push(...messages);
    else if (step.call === "abort" || step.call === "destroy") {
      model.apply({ call: step.call });
      sent.push(...model.sent.slice(length));
    }
  }
  return [ending(sent)];
}

function messagesOf(step: Step): Message[] {
  if ("pause" in step) return [];
  if (!("notes" in step)) return step.call === "abort" ? ["abortion"] : [];
  return step.notes.map((note) => ({ note: note ?? undefined }));
}

/** All that is sent ends with the hang-up. */
function ending(sent: Message[]): Message[] {
  const end = sent.indexOf("hangUp");
  return [...end < 0 ? sent : sent.slice(0, end), "hangUp"];
}

/** What a side can be in, and how much has arrived there. */
interface State {
  model: Model;
  arrived: number;
}

/** Whether there are moments of arrival at which a side sees what it saw. */
function canSee(seen: Logged[], sent: Message[]): boolean {
  let states: State[] = [{ model: new Model(), arrived: 0 }];
  for (const { step, ...rest } of seen) {
    if ("die" in step || !("result" in rest)) return true;
    if ("pause" in step) {
      states = afterArrivals(states, sent);
      continue;
    }
    states = afterArrivals(states, sent).map((state) => call(state, step));
    const isWait = step.call === "step" || "cancelAfter" in step ||
      step.call.startsWith("wait") || step.call.startsWith("sync");
    if (isWait) states = afterArrivals(states, sent);
    states = states.filter((state) => shows(state, step, rest.result));
    if (states.length === 0) return false;
  }
  return true;
}

/** The states after any number of further messages, in any deliveries. */
function afterArrivals(states: State[], sent: Message[]): State[] {
  const all = new Map<string, State>();
  const add = (state: State) => {
    const {
      barriers,
      arrived,
      note,
      iAborted,
      theyAborted,
      hungUp,
      destroyed,
      waits,
    } = state.model;
    const key = JSON.stringify([
      [state.arrived, barriers, arrived, note, waits],
      [iAborted, theyAborted, hungUp, destroyed],
    ]);
    if (all.has(key)) return;
    all.set(key, state);
    for (let end = state.arrived + 1; end <= sent.length; end++) {
      const model = state.model.clone();
      const messages = sent.slice(state.arrived, end);
      model.apply({ arrived: messages });
      add({ model, arrived: end });
    }
  };
  states.forEach(add);
  return Array.from(all.values());
}

function call(
  { model, arrived }: State,
  step: Call,
): State {
  const next = model.clone();
  next.waits = [];
  next.sent = [];
  const events: Event[] = step.call === "place"
    ? step.notes.map((note) => ({ call: "place", note: note ?? undefined }))
    : [{ call: step.call } as Event];
  for (const event of events) next.apply(event);
  return { model: next, arrived };
}

function shows(
  { model }: State,
  step: Call,
  result: unknown,
): boolean {
  switch (step.call) {
    case "place":
      return result === !model.isOver;
    case "abort":
      return result === (!model.theyAborted && !model.destroyed);
    case "destroy":
      return true;
  }
  const wait = model.waits.at(-1)!;
  if (result === "cancelled" && wait.outcome === "pending") {
    model.apply({ call: "cancel", wait: 0 });
    return true;
  }
  return wait.outcome === result;
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
  const work = async () => {
    while (next < seed + count) {
      const done = next - seed;
      if (done > 0 && done % 100 === 0) {
        log?.(`${done} storms over "${channel}"`);
      }
      await checkStorm(next++, channel);
    }
  };
  await Promise.all(Array.from({ length: 6 }, work));
}
