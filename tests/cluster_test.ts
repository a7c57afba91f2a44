// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Many machines, each in a network namespace, and many connections to one. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { BarrierAbortedError, spawnWithBarrier } from "../mod.ts";
import { canMakeMachines, Machines } from "./_helpers/machines.ts";
import { HAS_PRELOAD, isInstalled } from "./_helpers/programs.ts";
import { allGone } from "./_helpers/process_table.ts";
import { outputOf, start } from "./_helpers/run.ts";
import { readUntil } from "./_helpers/scripts.ts";
import { SSHD, Sshd } from "./_helpers/sshd.ts";

const NAMES = ["a", "b", "c"];
const EXAMPLE = new URL("../examples/cluster.ts", import.meta.url).pathname;

const canRun = !HAS_PRELOAD && await canMakeMachines();

/** What happens on the machines, one after the other: to make them takes long. */
const STEPS: [name: string, fn: (machines: Machines) => Promise<void>][] = [];

function step(name: string, fn: (machines: Machines) => Promise<void>): void {
  STEPS.push([name, fn]);
}

/** Starts the example on all machines. */
function startExample(
  machines: Machines,
  ...commands: string[]
): Deno.ChildProcess {
  const flags = ["--allow-run=ssh", "--allow-env"];
  const command = machines.onClient(
    [Deno.execPath(), "run", ...flags, EXAMPLE, EXAMPLE, "a,b,c", ...commands],
  );
  return start(command, {
    stdin: "null",
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(120_000), // one that hangs has failed
  });
}

step("runs commands in step", async (machines) => {
  const example = startExample(
    machines,
    'set -- $SSH_CONNECTION; echo "I am $3"',
    "echo Bye",
  );
  const { code, stdout, stderr } = await outputOf(example);
  assertEquals(stderr, "");
  const lines = stdout.trimEnd().split("\n");
  assertEquals(lines.slice(0, 3).sort(), [
    "a: I am 192.0.2.2",
    "b: I am 192.0.2.6",
    "c: I am 192.0.2.10",
  ]);
  assertMatch(lines[3]!, /^Done everywhere: set/);
  assertEquals(lines.slice(4, 7).sort(), ["a: Bye", "b: Bye", "c: Bye"]);
  assertEquals(lines.slice(7), ["Done everywhere: echo Bye"]);
  assertEquals(code, 0);
});

step("stops all machines if a command fails on one", async (machines) => {
  const example = startExample(
    machines,
    'set -- $SSH_CONNECTION; [ "$3" = 192.0.2.6 ] && exit 3; sleep 3600',
    "echo never",
  );
  const { code, stdout, stderr } = await outputOf(example);
  assertEquals(stdout, "");
  const lines = anonymous(stderr).trimEnd().split("\n").sort();
  const failure =
    "Child process PID (b) is not ready: Barrier aborted by the peer: Child process PID (sh) exited with code 3";
  assertEquals(lines, [
    `Failed: ${failure}`,
    `a: stopped because of another machine: ${failure}`,
    `c: stopped because of another machine: ${failure}`,
  ]);
  assertEquals(code, 1);
});

step("stops all machines if the link of one is cut", async (machines) => {
  const example = startExample(machines, "true", "echo at work; sleep 3600");
  const stdout = example.stdout.getReader();
  let printed = "";
  while (printed.split("at work\n").length <= NAMES.length) {
    printed += await readUntil(stdout, "\n");
  }
  await machines.cut("b");
  const start = performance.now();
  const stderr = anonymous(await new Response(example.stderr).text());
  const { code } = await example.status;
  const seconds = (performance.now() - start) / 1_000;
  await stdout.cancel();

  const failure = "Child process PID (b) was ready, then exited with code 255";
  const lines = stderr.trimEnd().split("\n").sort();
  assertEquals(lines, [
    `Failed: ${failure}`,
    `a: stopped because of another machine: ${failure}`,
    "b: Timeout, server 192.0.2.6 not responding.",
    `c: stopped because of another machine: ${failure}`,
  ]);
  assertEquals(code, 1);
  // Three messages that are not answered, one a second.
  assert(seconds < 30, `It took ${seconds} s`);
});

Deno.test({
  name: "examples/cluster.ts on three machines",
  ignore: !canRun,
  async fn(t) {
    {
      await using machines = await Machines.start(NAMES);
      for (const [name, fn] of STEPS) {
        await t.step(name, async () => {
          await fn(machines);
          for (const name of NAMES) {
            // To find them takes a process, and a server that was cut off seconds.
            await allGone(() => machines.processes(name), 200);
          }
        });
      }
    }
    assertEquals(await Machines.left(), []);
  },
});

Deno.test({
  name: "sshd refuses some connections when ten are authenticating",
  ignore: !isInstalled(SSHD),
  async fn() {
    await using server = await Sshd.start();
    using connections = new DisposableStack();
    let accepted = 0;
    while (await connect(server, connections)) accepted++;
    // Each further one has a chance of 30%, and the hundredth none.
    assert(accepted >= 10 && accepted < 100, `${accepted} were accepted`);
  },
});

Deno.test({
  name:
    "BarrierProcess.ready() reports that sshd refuses the eleventh connection",
  ignore: !isInstalled(SSHD),
  async fn() {
    await using server = await Sshd.start({ settings: "MaxStartups 10" });
    using connections = new DisposableStack();
    for (let i = 0; i < 10; i++) assert(await connect(server, connections));
    await using child = spawnWithBarrier(server.command("true"), {
      channel: "stdio",
      stderr: "errorTail",
    });
    await assertRejects(
      () => child.ready(),
      BarrierAbortedError,
      "(ssh) exited with code 255: kex_exchange_identification: ",
    );
  },
});

/** Starts a connection that stays unauthenticated, and says if it was accepted. */
async function connect(
  { port }: Sshd,
  connections: DisposableStack,
): Promise<boolean> {
  const connection = connections.use(
    await Deno.connect({ hostname: "127.0.0.1", port }),
  );
  const bytes = new Uint8Array(100);
  const length = await connection.read(bytes).catch(() => null) ?? 0;
  const text = new TextDecoder().decode(bytes.subarray(0, length));
  return text.startsWith("SSH-2.0");
}

/** Replaces process IDs. */
function anonymous(text: string): string {
  return text.replaceAll(/process \d+/g, "process PID");
}
