// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assertEquals,
  assertExists,
  assertFalse,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { isInstalled } from "./_helpers/programs.ts";
import { type Output, run, start } from "./_helpers/run.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { test } from "./_helpers/unix.ts";

/** Runs an example by the command in its header. */
async function runExample(
  name: string,
  env?: Record<string, string>,
): Promise<Output> {
  const root = new URL("../", import.meta.url);
  const source = await Deno.readTextFile(new URL(`examples/${name}`, root));
  const command = /^\/\/ {5}deno ((?:run|test) .+)$/m.exec(source)?.[1];
  assertExists(command);
  // The gate has checked their types.
  const [subcommand, ...args] = command.split(" ");
  const deno = [Deno.execPath(), subcommand!, "--no-check"] as const;
  const output = await run([...deno, ...args], {
    cwd: root,
    env: { NO_COLOR: "1", ...env },
    signal: AbortSignal.timeout(60_000), // one that hangs has failed
  });
  output.stdout = output.stdout
    .replaceAll(/process \d+ \(/g, "process PID (")
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT");
  return output;
}

let handshake: Promise<Output> | undefined;

/** Runs this example once, and traces it: that changes nothing else. */
function runHandshake(): Promise<Output> {
  return handshake ??= runExample("handshake.ts", { BARRIER_TRACE: "1" });
}

Deno.test("examples/handshake.ts shows who failed and who learned of it", async () => {
  const { stderr, ...output } = await runHandshake();
  const lines = stderr.trimEnd().split("\n");
  assertEquals(lines.filter((line) => !/^[\d.]+ barrier /.test(line)), []);
  assertEquals(output, {
    code: 0,
    stdout: `\
Time runs down the page. All that is above a line has happened
before anything below it, whichever process did it.

All is well

  PARENT                              CHILD
  --------------------------------------------------------------------------
  sets itself up                      sets itself up
  is ready, waits for the child       is ready, waits for the parent
  --------------------------------------------------------------------------
  goes on                             goes on

The child fails

  PARENT                              CHILD
  --------------------------------------------------------------------------
  sets itself up                      sets itself up
  is ready, waits for the child       fails, exits
  --------------------------------------------------------------------------
  bails out:
  Child process PID (handshake.ts) exited with code 1

The parent fails

  PARENT                              CHILD
  --------------------------------------------------------------------------
  sets itself up                      sets itself up
  fails, aborts, waits for the child  is ready, waits for the parent
  --------------------------------------------------------------------------
                                      bails out:
                                      Barrier aborted by the peer: disk full
  --------------------------------------------------------------------------
  bails out: the child is gone
`,
  });
});

Deno.test("examples/server.ts uses its server when it is ready, and stops it", async () => {
  assertEquals(await runExample("server.ts"), {
    code: 0,
    stdout: `\
The server is ready at http://127.0.0.1:PORT/
It says: Hello
It has stopped with exit code 0
`,
    stderr: "",
  });
});

Deno.test("examples/device.ts lets one reader go with each write", async () => {
  assertEquals(await runExample("device.ts"), {
    code: 0,
    stdout: `\
reader 1 goes to sleep
reader 2 goes to sleep
reader 3 goes to sleep
writer wakes one reader
reader 1 is awake
writer wakes one reader
reader 2 is awake
writer wakes one reader
reader 3 is awake
writer wakes one reader
reader 4 goes to sleep
reader 4 is awake
`,
    stderr: "",
  });
});

Deno.test("examples/fleet.ts goes on without the worker that crashed", async () => {
  const { code, stdout, stderr } = await runExample("fleet.ts");
  assertStringIncludes(stderr, "Error: Out of luck");
  assertEquals(
    stdout,
    `\
load: done by ann, bob, cleo, dan
compute: lost cleo: Child process PID (cleo) exited with code 1
compute: done by ann, bob, dan
save: done by ann, bob, dan
ann exited with code 0
bob exited with code 0
dan exited with code 0
`,
  );
  assertEquals(code, 0);
});

Deno.test({
  name: "examples/daemon.ts uses the daemon when it is ready, and stops it",
  ignore: !isInstalled("dbus-daemon") || !isInstalled("dbus-send"),
  fn: async () => {
    const { code, stdout } = await runExample("daemon.ts");
    assertMatch(
      stdout,
      /^The bus is ready at unix:.+\nIt answers: boolean true\nThe bus has stopped\n$/,
    );
    assertEquals(code, 0);
  },
});

Deno.test("examples/worker.ts cleans up when its thread is gone", async () => {
  assertEquals(await runExample("worker.ts"), {
    code: 0,
    stdout: `\
thread: at work
main: stop
thread: the last entry
main: it is gone, clean up
`,
    stderr: "",
  });
});

Deno.test("examples/tests.ts starts its server once for all its tests", async () => {
  const { code, stdout } = await runExample("tests.ts");
  assertStringIncludes(stdout, "2 passed");
  assertEquals(code, 0);
});

test("examples/timeline.ts draws what both sides of examples/handshake.ts did", async () => {
  const { stderr: log } = await runHandshake();
  await using directory = await TempDir.make();
  const path = `${directory.path}/trace.log`;
  await Deno.writeTextFile(path, `another line\n${log}`);
  const { code, stdout: svg, stderr } = await run([
    Deno.execPath(),
    "run",
    `--allow-read=${path}`,
    import.meta.resolve("../examples/timeline.ts"),
    path,
  ]);
  assertEquals([code, stderr], [0, ""]);
  const count = (pattern: RegExp) => [...svg.matchAll(pattern)].length;
  assertEquals(count(/<rect class="head"/g), 6);
  // Two of the first handshake; the others were placed for nobody, or not at all.
  assertEquals(count(/<line class="barrier"/g), 2);
  assertEquals(count(/>barrier 1, not taken</g), 2);
  // The child of the second exits before it waits.
  assertEquals(count(/<rect class="bar"/g), 5);
  assertEquals(count(/<line class="abortion"/g), 1);
  assertEquals(count(/>abort: disk full</g), 1);
  assertEquals(count(/>exited with code 1</g), 2);
  assertEquals(count(/"yes">true</g), 2);
  assertEquals(count(/"no">false</g), 3);
  assertFalse(svg.includes("another line"));
});

Deno.test("examples/timeline.ts draws a side that is not traced, cuts a long note, and escapes it", async () => {
  const note = `<b>&"${"x".repeat(60)}`;
  const svg = await drawTimeline(
    `\
1764064609000.500 barrier 1 parent of 2: take 1: ${note}
1764064609000.250 barrier 1 parent of 2: wait 1 begins: waitNext
1764064610000.250 barrier 1 parent of 2: wait 1 is canceled: enough
`,
  );
  assertStringIncludes(svg, ">child 2 (not traced)<");
  assertMatch(svg, /<line class="barrier" x1="554" .+ x2="257"/);
  const whole = `&lt;b&gt;&amp;&quot;${"x".repeat(60)}`;
  assertStringIncludes(svg, `<title>${whole}</title>`);
  assertFalse(svg.includes(">" + whole + "</text>"));
  assertMatch(svg, /"canceled">canceled: enough</);
  assertMatch(svg, />0\.00 ms<[^]*>0\.25 ms<[^]*>1000\.00 ms</);
});

Deno.test("examples/timeline.ts replaces characters that XML does not have", async () => {
  const svg = await drawTimeline(
    "1764064609000.500 barrier 1 parent of 2: place 1: a\uffff\ufffe\x1b\u{1f642}\n",
  );
  assertStringIncludes(svg, "a\ufffd\ufffd\ufffd\u{1f642}");
  for (const char of "\uffff\ufffe\x1b") assertFalse(svg.includes(char));
});

Deno.test("examples/timeline.ts fails where there is nothing to draw", async () => {
  await assertRejects(() => drawTimeline("hello\n"), Error, "BARRIER_TRACE=1");
});

/** Draws a log that is given on stdin. */
async function drawTimeline(log: string): Promise<string> {
  const process = start(
    [
      Deno.execPath(),
      "run",
      "--no-prompt",
      import.meta.resolve("../examples/timeline.ts"),
    ],
  );
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(log));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
