// Copyright 2026 the @ipc/barrier authors. MIT license.

// Several machines run the same commands in step: none starts a command before
// all have finished the previous one. If a command fails on one machine, or a
// machine can no longer be reached, the commands on all others are stopped. Each
// line of output has the name of its machine in front.
//
// Each machine needs Deno and a copy of this repository. The arguments are the
// path of this file there, the machines, and the commands:
//
//     deno run --allow-run=ssh --allow-env examples/cluster.ts PATH a,b,c 'git pull' make 'make test'
//
// Anything that forwards stdin and stdout works in place of ssh:
//
//     ["kubectl", "exec", "-i", host, "--", ...worker]
//     ["srun", "--nodelist", host, ...worker]

import {
  BarrierAbortedError,
  type BarrierProcess,
  inheritBarrier,
  spawnWithBarrier,
} from "@ipc/barrier";

const SSH = [
  ...["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"],
  // Without it, a machine that vanishes is noticed after minutes, or never. With
  // it, ssh exits after three messages that the machine did not answer.
  ...["-o", "ServerAliveInterval=5"],
];

async function runEverywhere(
  path: string,
  hosts: string[],
  commands: string[],
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const workers = hosts.map((host) => stack.use(startWorker(host, path)));
  try {
    for (const command of commands) {
      for (const worker of workers) worker.place(command);
      await Promise.all(
        workers.map((worker) => worker.ready({ timeout: Infinity })),
      );
      console.log(`Done everywhere: ${command}`);
    }
  } catch (error) {
    for (const worker of workers) worker.abort(error);
    throw error;
  }
}

function startWorker(host: string, path: string): BarrierProcess {
  const worker = ["deno", "run", "--allow-run", "--allow-env", path, "worker"];
  return spawnWithBarrier([...SSH, host, ...worker], {
    name: host,
    channel: "stdio",
    stdout: (line) => console.log(`${host}: ${line}`),
    stderr: (line) => console.error(`${host}: ${line}`),
    // A signal would reach only ssh. The worker stops its command by itself.
    exitGracePeriod: 10_000,
  });
}

async function worker(): Promise<void> {
  // Environment variables aren't forwarded, so the channel is named here.
  using parent = await inheritBarrier({ channel: "stdio" });
  const { signal } = parent; // also aborted if the connection breaks
  try {
    for await (const command of parent) {
      await run(command!, signal);
      parent.place();
    }
  } catch (error) {
    parent.abort(error);
  }
  const { kind, side, reason } = signal.reason ?? {};
  if (kind === "aborted" && side === "peer") {
    console.error(`stopped because of another machine: ${reason}`);
  }
}

/** Runs a command, and stops whatever it has started if a signal is aborted. */
async function run(command: string, signal: AbortSignal): Promise<void> {
  await using process = spawnWithBarrier(["sh", "-c", command], {
    processGroup: true,
    stdin: "null", // because stdin is the channel
    signal,
  });
  await process.finished();
}

const [path, hosts, ...commands] = Deno.args;
if (path === "worker") {
  await worker();
} else if (path && hosts && commands.length > 0) {
  try {
    await runEverywhere(path, hosts.split(","), commands);
  } catch (error) {
    if (!(error instanceof BarrierAbortedError)) throw error;
    console.error(`Failed: ${error.message}`);
    Deno.exit(1);
  }
} else {
  console.error("Usage: cluster.ts PATH HOST[,HOST]... COMMAND...");
  Deno.exit(2);
}
