// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The package as its users in Node and Bun get it. */

import { assertEquals } from "@std/assert";
import { NpmProject } from "./_helpers/npm_project.ts";
import { bunPath, isInstalled } from "./_helpers/programs.ts";
import type { CommandLine } from "./_helpers/run.ts";

const MAIN = `\
import {
  Barrier,
  BarrierAbortedError,
  type BarrierOptions,
  type BarrierPort,
} from "@ipc/barrier/barrier";
import { Completion, SharedCompletion } from "@ipc/barrier/completion";
import * as all from "@ipc/barrier";
import { inheritBarrier } from "@ipc/barrier/inherit";
import { spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { MessageChannel, type Worker } from "node:worker_threads";

export const overThread = (thread: Worker): Barrier => Barrier.over(thread);

if (process.argv[2] === "child") {
  const barrier = await inheritBarrier();
  barrier.place("child");
  process.exit();
}
const program = spawn(process.execPath, [...process.argv.slice(1), "child"], {
  stdio: ["ignore", "inherit", "inherit", "pipe"],
  env: { ...process.env, BARRIER_CHANNEL: "fd:3" },
});
const inherited = Barrier.over(Duplex.toWeb(program.stdio[3] as Duplex));
console.log(await inherited.receive());
const none: all.Barrier | undefined = await all.inheritBarrier({
  optional: true,
});
console.log(none);
try {
  const child: all.BarrierProcess = all.spawnWithBarrier(["true"]);
  child.kill("SIGKILL");
} catch (error) {
  console.log(error instanceof TypeError);
}

const options: BarrierOptions = { role: "child" };
const channel = new MessageChannel();
const port1: BarrierPort = channel.port1;
const { port2 } = channel;
const parent = Barrier.over(port1);
{
  using child = Barrier.over(port2, options);
  child.place("ready");
  console.log("the child is", await parent.receive());
  parent.abort("enough");
  await child.waitAbortion();
  const reason: unknown = child.signal.reason;
  console.log(reason instanceof BarrierAbortedError && reason.reason);
}

const completions = [new Completion(), new SharedCompletion()];
for (const completion of completions) completion.complete();
await Promise.all(completions.map((completion) => completion.wait()));
console.log("completed");
`;

interface Runtime {
  name: string;
  types: { name: string; version: string };
  install: CommandLine;
  run: CommandLine;
  installed: boolean;
}

const bun = bunPath();
const RUNTIMES: Runtime[] = [
  {
    name: "Node",
    types: { name: "@types/node", version: "20.19.9" },
    install: ["npm", "install", "--no-audit", "--no-fund", "--silent"],
    run: ["node", "main.js"],
    installed: isInstalled("node") && isInstalled("npm"),
  },
  {
    name: "Bun",
    types: { name: "@types/bun", version: "1.4.5" },
    install: [bun ?? "bun", "install"],
    run: [bun ?? "bun", "main.ts"],
    installed: bun !== undefined,
  },
];

for (const { name, types, install, run, installed } of RUNTIMES) {
  Deno.test({
    name: `The published package type-checks and runs in a project for ${name}`,
    ignore: !installed,
    async fn() {
      await using project = await NpmProject.make(
        { "main.ts": MAIN },
        types,
        install,
      );
      const compiled = await project.compile();
      assertEquals(compiled.stdout, "\n");
      assertEquals(compiled.code, 0, compiled.stderr);
      assertEquals(await project.run(run), {
        code: 0,
        stdout:
          "child\nundefined\ntrue\nthe child is ready\nenough\ncompleted\n",
        stderr: "",
      });
    },
  });
}
