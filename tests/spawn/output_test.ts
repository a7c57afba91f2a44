// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals, assertLess } from "@std/assert";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { Message } from "../../src/barrier/lines.ts";
import {
  ChildOutput,
  type ChildOutputOptions,
} from "../../src/spawn/output.ts";
import { TempDir } from "../_helpers/temp_dir.ts";
import { test } from "../_helpers/unix.ts";

/** The output of a shell, without a barrier that it belongs to. */
class Shell implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly output: ChildOutput;
  /** What was delivered, and what the test adds. */
  readonly events: (string | undefined)[] = [];
  /** Keeps the event loop alive, which a pipe by itself does not. */
  readonly #timer = setInterval(() => {}, 60_000);
  readonly #exited: Promise<unknown>;

  constructor(script: string, options: Partial<ChildOutputOptions>) {
    this.process = spawn("sh", ["-c", script], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#exited = once(this.process, "exit");
    this.output = new ChildOutput({
      source: this.process.stdout as Socket,
      kind: "null",
      target: { write: (bytes) => Promise.resolve(bytes.length) },
      deliver: (messages) => this.events.push(...messages.map(noteOf)),
      ...options,
    });
  }

  /** Waits until the shell has exited, and does what a parent then does. */
  async drain(): Promise<void> {
    await this.#exited;
    await this.output.drain();
    this.events.push("drained");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    this.output.source.destroy();
    await Promise.all([this.#exited, this.output.ended]);
    clearInterval(this.#timer);
  }
}

function noteOf(message: Message): string | undefined {
  return message.kind === "barrier" ? message.note : message.kind;
}

/** Blocks this process, and the event loop, until a condition holds. */
function block(until: () => boolean): void {
  while (!until()) new Deno.Command("sleep", { args: ["0.01"] }).outputSync();
}

test("ChildOutput delivers a few thousand barriers a turn, however many arrive", async () => {
  const counts: number[] = [];
  let count = 0;
  let hasEnded = false;
  await using shell = new Shell("yes \"$(printf '\\036')\" | head -n 200000", {
    isChannel: true,
    deliver: ({ length }) => count += length,
  });
  const countTurn = () => {
    if (count > 0) counts.push(count);
    count = 0;
    if (!hasEnded) setImmediate(countTurn);
  };
  countTurn();
  await shell.output.ended;
  hasEnded = true;
  assertEquals(counts.reduce((sum, count) => sum + count, count), 200_000);
  assertLess(Math.max(...counts), 10_000);
});

test("ChildOutput delivers a barrier after all of the output before it is written", async () => {
  let written = 0;
  const target = {
    async write({ length }: Uint8Array): Promise<number> {
      await undefined;
      const count = Math.min(length, 1_000);
      written += count;
      return count;
    },
  };
  const delivered: number[] = [];
  await using shell = new Shell(
    "head -c 30000 /dev/zero; printf '\\036+placed\\n'",
    {
      isChannel: true,
      kind: "forward",
      target,
      deliver: () => delivered.push(written),
    },
  );
  await shell.output.ended;
  assertEquals(delivered, [30_000]);
});

test("ChildOutput delivers barriers before drain() resolves, though nobody reads the rest", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  await using shell = new Shell(
    'i=0; while [ $i -lt 5 ]; do printf "x\\036+$i\\n"; i=$((i + 1)); done',
    { isChannel: true, kind: "forward", target: { write: () => promise } },
  );
  await shell.drain();
  assertEquals(shell.events, ["0", "1", "2", "3", "4", "drained"]);
  resolve(1);
});

test("ChildOutput.ended resolves after the barriers that wait for output to be written", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  await using shell = new Shell("printf 'x\\036+placed\\n'", {
    isChannel: true,
    kind: "forward",
    target: { write: () => promise },
  });
  await shell.output.ended;
  assertEquals(shell.events, ["placed"]);
  resolve(1);
});

test("ChildOutput.drain() ends it: what another process prints later is not delivered", async () => {
  await using directory = await TempDir.make();
  const fifo = await directory.makeFifo();
  const late = `read -r _ <${fifo}; echo late; printf '\\036+late\\n'`;
  await using shell = new Shell(`(${late}) & echo ready`, {
    isChannel: true,
    readyLine: /^(ready|late)$/,
  });
  await shell.drain();
  await Deno.writeTextFile(fifo, "\n");
  await shell.output.ended;
  assertEquals(shell.events, ["ready", "drained"]);
  assertEquals(shell.output.lastLine, "ready");
});

test("ChildOutput looks for a readyLine after its stream was canceled", async () => {
  await using shell = new Shell("read -r _; echo ready", {
    kind: "piped",
    readyLine: /ready/,
  });
  await shell.output.stream!.cancel();
  shell.process.stdin!.end("go\n");
  await shell.drain();
  assertEquals(shell.events, ["ready", "drained"]);
});

test("ChildOutput.drain() reads on where the reader is behind", async () => {
  await using directory = await TempDir.make();
  const file = `${directory.path}/output`;
  await Deno.writeFile(file, new Uint8Array(16 * 1024 * 1024));
  // It fills the backlog, and then a pipe.
  await using shell = new Shell(
    `cat ${file}; head -c 30000 ${file}; printf '\\036+last\\n'`,
    { isChannel: true, kind: "piped" },
  );
  await shell.drain();
  assertEquals(shell.events, ["last", "drained"]);
});

test("ChildOutput.catchUp() reads what is there, whether or not the event loop knows", async () => {
  await using directory = await TempDir.make();
  const file = `${directory.path}/printed`;
  const lines: string[] = [];
  await using shell = new Shell(`echo line; >${file}; exec cat`, {
    kind: (line) => lines.push(line),
  });
  block(() => exists(file));
  await shell.output.catchUp();
  assertEquals(lines, ["line"]);
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

for (const kind of ["null", "piped", "forward", "errorTail"] as const) {
  test(`ChildOutput.lastLine is the last line, and tail is for "errorTail", with "${kind}"`, async () => {
    await using shell = new Shell("echo one; printf '\\033[1mtwo\\033[0m'", {
      kind,
    });
    await shell.drain();
    assertEquals(shell.output.lastLine, "two");
    const tail = kind === "errorTail" ? ["one", "two"] : [];
    assertEquals(shell.output.tail, tail);
  });
}

test("ChildOutput passes half a line of the protocol on as output at the end", async () => {
  const lines: string[] = [];
  await using shell = new Shell("printf 'a\\036+half'", {
    isChannel: true,
    kind: (line) => lines.push(line),
  });
  await shell.drain();
  assertEquals(lines, ["a\x1e+half"]);
  assertEquals(shell.events, ["drained"]);
});
