// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Transports of Node and Bun, in one run for all tests of a runtime. */

import { assertEquals } from "@std/assert";
import { Barrier } from "../barrier.ts";
import { HUNG_UP } from "./_helpers/barriers.ts";
import { type CommandLine, run } from "./_helpers/run.ts";
import { RUNTIMES, testdataProgram } from "./_helpers/runtimes.ts";

type Reports = Record<string, unknown>;

/** The server's side: it answers, and hangs up after 50 more barriers. */
async function answer(socket: WebSocket): Promise<void> {
  using barrier = Barrier.over(socket, { role: "child" });
  barrier.place(`received: ${await barrier.receive()}`);
  for (let i = 0; i < 50; i++) barrier.place(String(i));
}

let program: Promise<string> | undefined;

async function reportsOf(command: CommandLine): Promise<Reports> {
  program ??= testdataProgram("transports.ts");
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      answer(socket);
      return response;
    },
  );
  const address = `ws://127.0.0.1:${server.addr.port}`;
  const { code, stdout, stderr } = await run([
    ...command,
    await program,
    address,
  ]);
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout);
}

const hungUp = { count: 50, kind: "closed", message: HUNG_UP };

/** What each report must be. */
const EXPECTED = {
  "a thread": {
    notes: ["ready", "received: go on"],
    more: false,
    port: "the port is still open",
  },
  "a thread that exits": {
    count: 50,
    kind: "exited",
    message: "Worker exited with code 3",
  },
  "a thread that fails": {
    count: 50,
    kind: "exited",
    message: "Worker failed: no luck",
    cause: "no\nluck",
  },
  "a thread that is terminated": {
    count: 50,
    kind: "exited",
    message: "Worker exited with code 1",
  },
  "the port of a thread that exits": hungUp,
  "a port that is closed": hungUp,
  "a WebSocket": { note: "received: from the client", ...hungUp },
  "a worker that exits": {
    count: 50,
    kind: "exited",
    message: "Worker exited with code 3",
  },
};

/** The reports that a runtime cannot make. */
const MISSING: Record<string, (keyof typeof EXPECTED)[]> = {
  Deno: ["a port that is closed", "a worker that exits"],
  Node: ["a WebSocket", "a worker that exits"], // until Node 22
  "Node 24": ["a worker that exits"],
};

const DENO: CommandLine = [Deno.execPath(), "run", "--allow-all"];
const COMMANDS: [name: string, command: CommandLine | undefined][] = [
  ["Deno", DENO],
  ...RUNTIMES.map(({ name, command }): [string, CommandLine | undefined] => [
    name,
    command,
  ]),
];

for (const [name, command] of COMMANDS) {
  let reports: Promise<Reports> | undefined;
  for (const [what, expected] of Object.entries(EXPECTED)) {
    if (MISSING[name]?.includes(what as keyof typeof EXPECTED)) continue;
    Deno.test({
      name: `Barrier.over() ${what} works in ${name}`,
      ignore: command === undefined,
      async fn() {
        reports ??= reportsOf(command!);
        assertEquals((await reports)[what], expected);
      },
    });
  }
}
