// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Programs that know nothing of barriers, and waiting for them. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  BarrierAbortedError,
  type BarrierOutput,
  spawnWithBarrier,
} from "../mod.ts";
import { isPending } from "./_helpers/event_loop.ts";
import { PARENT, runParent, runTestdata, shell } from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { test } from "./_helpers/unix.ts";

const PROGRAMS = "ready_line.ts";

const OUTPUTS = [
  "forward",
  "piped",
  "inherit",
  "null",
] as const satisfies readonly BarrierOutput[];

test("spawnWithBarrier() finds a readyLine with each kind of stdout and stderr", async () => {
  const { code, stdout } = await runTestdata(
    PROGRAMS,
    ["outputs", ...OUTPUTS],
    PARENT,
  );
  assertEquals(code, 0);
  const expected = OUTPUTS.flatMap((stdout) =>
    OUTPUTS.flatMap((stderr) =>
      [stdout, stderr].flatMap((output, i) =>
        output === "inherit" ? [] : [`${stdout},${stderr},${i + 1},${i + 1}`]
      )
    )
  );
  assertStringIncludes(stdout, `found ${expected.join(" ")}\n`);
});

test('spawnWithBarrier() finds a readyLine over "stdio" next to barriers', async () => {
  const { stdout } = await runTestdata(PROGRAMS, ["stdio"], PARENT);
  assertEquals(
    stdout,
    "ready\nforward ready,placed\npiped ready,placed\nnull ready,placed\n",
  );
});

/** The notes of the lines that a script prints and that match. */
async function notes(
  script: string,
  readyLine: RegExp,
): Promise<(string | undefined)[]> {
  await using child = shell(script, { readyLine, stdout: "null" });
  const notes = [];
  for await (const note of child) notes.push(note);
  return notes;
}

test("spawnWithBarrier() places a barrier for each line that a stateful expression matches", async () => {
  const script = "for i in 1 2 3; do echo ready $i; done";
  for (const flags of ["", "g", "y", "gy"]) {
    const readyLine = new RegExp("ready \\d", flags);
    readyLine.lastIndex = 3;
    assertEquals(await notes(script, readyLine), [
      "ready 1",
      "ready 2",
      "ready 3",
    ]);
    assertEquals(readyLine.lastIndex, 3);
  }
});

test("spawnWithBarrier() uses the first group of a readyLine as the note, or else the line", async () => {
  const script = "echo at port 80; echo at socket";
  assertEquals(await notes(script, /port (\d+)|socket/), ["80", "at socket"]);
});

test("spawnWithBarrier() finds a readyLine right before the exit, and not in half a line", async () => {
  const script = "echo port 8080; printf 'port 80'; kill -KILL $$";
  assertEquals(await notes(script, /port (\d+)/), ["8080"]);
});

test("spawnWithBarrier() takes what a CR overwrites for a line", async () => {
  const script =
    "printf '10%%\\r'; sleep 0.01; printf '\\n\\r\\n20%%\\r\\r\\nReady\\r'; exec sleep 1000";
  await using child = shell(script, { readyLine: /.*/, stdout: "null" });
  const notes = child[Symbol.asyncIterator]();
  for (const note of ["10%", "20%", "Ready"]) {
    assertEquals((await notes.next()).value, note);
  }
});

test("spawnWithBarrier() removes colors and control characters from a readyLine", async () => {
  const script =
    `printf '\\033[32m\\033]0;title\\007re\\033[1mady\\033[0m in\\t5 ms\\r\\n'`;
  assertEquals(await notes(script, /^ready in 5 ms$/), ["ready in 5 ms"]);
  assertEquals(await notes("printf 're\\342\\200\\256ady\\n'", /ady/), [
    "re\\u{202e}ady",
  ]);
});

test("spawnWithBarrier() cuts a readyLine to what a note holds, also of a megabyte", async () => {
  const [note] = await notes("yes 🙂 | head -n 5000 | tr -d '\\n'; echo", /🙂/);
  assertEquals(note, "🙂".repeat(1_023));
  assertEquals(
    await notes(
      "head -c 1000000 /dev/zero | tr '\\0' x; echo; echo ready",
      /^ready$/,
    ),
    ["ready"],
  );
});

test("spawnWithBarrier() holds little of a line of 100 MB that it looks at", async () => {
  const { stdout } = await runTestdata(PROGRAMS, ["memory"]);
  assertLess(Number(stdout), 60_000_000);
});

test("spawnWithBarrier() sees no exit of a program with a readyLine that closes descriptors", async () => {
  await using directory = await TempDir.make();
  const fifo = await directory.makeFifo();
  await using child = shell(
    `exec 3>&-; echo ready; exec >&- 2>&-; read -r _ <${fifo}; exit 3`,
    { readyLine: /ready/ },
  );
  const { signal } = child;
  assertEquals(await child.ready(), "ready");
  const next = child.waitNext();
  // Whoever opens it for writing waits for the reader, which is the child.
  const file = await Deno.open(fifo, { write: true });
  assertFalse(signal.aborted);
  assert(await isPending(next));
  file.close();
  assertFalse(await next);
  assertEquals(signal.reason.status.code, 3);
});

test("BarrierProcess.ready() rejects immediately when the program dies before its readyLine", async () => {
  await using child = shell("echo cannot bind >&2; exit 98", {
    readyLine: /ready/,
    stderr: "null",
  });
  const error = await assertRejects(() => child.ready(), BarrierAbortedError);
  assertEquals(
    error.message,
    `Child process ${child.pid} (sh) exited with code 98`,
  );
  assertEquals(error.status?.code, 98);
  assertEquals(error.side, "peer");
});

// ready()

test("BarrierProcess.ready() resolves with the note", async () => {
  await using child = shell("echo on port 80 >&3; read -r _ <&3");
  assertEquals(await child.ready(), "on port 80");
});

test("BarrierProcess.ready() rejects with a TimeoutError that names the process", async () => {
  await using child = shell("read -r _ <&3; echo late >&3; read -r _ <&3");
  const error = await assertRejects(
    () => child.ready({ timeout: 1 }),
    DOMException,
  );
  assertEquals(error.name, "TimeoutError");
  assertEquals(
    error.message,
    `Child process ${child.pid} (sh) was not ready within 1 ms: it placed no barrier; for a program that does not use barriers, pass 'readyLine', 'readyUrl' or 'readyWhen'`,
  );
  child.place();
  assertEquals(await child.ready({ timeout: 60_000 }), "late");
});

test("BarrierProcess.ready() rejects with the reason of its signal", async () => {
  await using child = shell("read -r _ <&3");
  const reason = new Error("enough");
  const controller = new AbortController();
  const ready = child.ready({ signal: controller.signal, timeout: 60_000 });
  controller.abort(reason);
  await assertRejects(() => ready, Error, "enough");
  await assertRejects(
    () => child.ready({ signal: AbortSignal.abort(reason) }),
    Error,
    "enough",
  );
});

test("BarrierProcess.ready() rejects for an abort, with a message that names the process", async () => {
  await using child = shell("echo abort disk full >&3; read -r _ <&3");
  const error = await assertRejects(() => child.ready(), BarrierAbortedError);
  assertEquals(
    error.message,
    `Child process ${child.pid} (sh) is not ready: Barrier aborted by the peer: disk full`,
  );
});

test("BarrierProcess.ready() has a stack that leads to the caller", async () => {
  await using child = shell("exit 1");
  async function startMyServer(): Promise<void> {
    await child.ready();
  }
  const error = await assertRejects(startMyServer, BarrierAbortedError);
  assertStringIncludes(error.stack!, `async startMyServer (${import.meta.url}`);
});

test("BarrierProcess.ready() makes Promise.all() fail fast", async () => {
  await using slow = shell("read -r _ <&3");
  await using broken = shell("exit 7");
  await assertRejects(
    () => Promise.all([slow.ready(), broken.ready()]),
    BarrierAbortedError,
    "(sh) exited with code 7",
  );
  assert(await isPending(slow.exited));
});

test("BarrierProcess.ready() throws for a timeout that is none", async () => {
  await using child = shell("read -r _ <&3");
  for (const timeout of ["1", 1n, null]) {
    await assertRejects(
      () => child.ready({ timeout: timeout as never }),
      TypeError,
      "'timeout' must be a number of milliseconds",
    );
  }
  await assertRejects(() => child.ready({ timeout: -1 }), RangeError);
});

test("spawnWithBarrier() forwards stderr with a readyLine, in the order of what is printed", async () => {
  const { stderr } = await runParent(`
    const script = "echo ready >&2; exec sleep 1000";
    const child = spawnWithBarrier(["sh", "-c", script], { readyLine: /ready/ });
    await child.ready();
    console.error("it is");
    child.kill();
  `);
  assertEquals(stderr, "ready\nit is\n");
});

test("spawnWithBarrier() with a readyLine still has a channel", async () => {
  await using child = spawnWithBarrier(
    ["sh", "-c", "echo ready; read -r line <&3; echo got $line >&3"],
    { readyLine: /ready/, stdout: "null" },
  );
  assertEquals(await child.ready(), "ready");
  child.place("this");
  assertEquals(await child.ready(), "got +this");
});

test("BarrierProcess.ready() throws for an invalid timeout, and names the expression later", async () => {
  await using child = shell("exec sleep 1000", {
    readyLine: /^ready$/,
    stdout: "null",
  });
  const name = `child process ${child.pid} (sh)`;
  await assertRejects(
    () => child.ready({ timeout: -1 }),
    RangeError,
    `Cannot wait for ${name}: 'timeout' must be a number of milliseconds from 0 to 2147483647, received -1; pass Infinity to wait without a limit`,
  );
  await assertRejects(
    () => child.ready({ timeout: 1 }),
    DOMException,
    `C${
      name.slice(1)
    } was not ready within 1 ms: no line of its output matched /^ready$/`,
  );
});
