// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assertEquals,
  assertExists,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { isInstalled } from "./_helpers/programs.ts";
import { type Output, run } from "./_helpers/run.ts";

/** Runs an example by the command that its header tells. */
async function runExample(name: string): Promise<Output> {
  const root = new URL("../", import.meta.url);
  const source = await Deno.readTextFile(new URL(`examples/${name}`, root));
  const command = /^\/\/ {5}deno ((?:run|test) .+)$/m.exec(source)?.[1];
  assertExists(command);
  const output = await run([Deno.execPath(), ...command.split(" ")], {
    cwd: root,
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(60_000), // one that hangs has failed
  });
  output.stdout = output.stdout
    .replaceAll(/process \d+ \(/g, "process PID (")
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT");
  return output;
}

Deno.test("examples/handshake.ts shows who failed and who learned of it", async () => {
  assertEquals(await runExample("handshake.ts"), {
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
    stderr: "",
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
compute: lost cleo: Child process PID (fleet.ts) exited with code 1
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
