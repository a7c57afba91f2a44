// Copyright 2026 the @ipc/barrier authors. MIT license.

// Two processes set themselves up in parallel, and neither continues before the
// other is ready. This is what systemd's barrier was made for. The handshake runs
// three times: both sides succeed, the child fails, and the parent fails. Each is
// printed as a timeline of both processes.
//
//     deno run --allow-run --allow-env examples/handshake.ts

import { inheritBarrier, spawnWithBarrier } from "@ipc/barrier";

/**
 * Marks the point in a log where a message from the other process arrived.
 * Everything that the other process did before sending it happened earlier.
 */
const HEARD = "---";

async function parent(failing: string): Promise<void> {
  const log: string[] = [];
  await using child = spawnWithBarrier(import.meta.url, {
    args: ["child", failing],
    stdout: "piped",
  });

  log.push("sets itself up");
  if (failing === "parent") {
    log.push("fails, aborts, waits for the child");
    child.abort("disk full");
    await child.waitAbortion();
    log.push(HEARD, HEARD); // the abort was received, and the exit noticed
    log.push("bails out: the child is gone");
  } else {
    log.push("is ready, waits for the child");
    const ready = await child.placeAndSync();
    log.push(HEARD);
    if (ready) log.push("goes on");
    else log.push("bails out:", child.signal.reason.message);
  }

  const output = await child.stdout.text();
  printTimeline(log, output.trimEnd().split("\n"));
}

async function child(failing: string): Promise<void> {
  using parent = await inheritBarrier();

  console.log("sets itself up");
  if (failing === "child") {
    console.log("fails, exits");
    Deno.exit(1);
  }
  console.log("is ready, waits for the parent");
  const ready = await parent.placeAndSync();
  console.log(HEARD);
  if (!ready) {
    console.log(`bails out:\n${parent.signal.reason.message}`);
    Deno.exit(1);
  }
  console.log("goes on");
}

function printTimeline(parentLog: string[], childLog: string[]): void {
  printRow("PARENT", "CHILD");
  const parent = stagesOf(parentLog);
  const child = stagesOf(childLog);
  while (parent.length > 0 || child.length > 0) {
    console.log(`  ${"-".repeat(74)}`);
    const left = parent.shift() ?? [];
    const right = child.shift() ?? [];
    while (left.length > 0 || right.length > 0) {
      printRow(left.shift(), right.shift());
    }
  }
}

function stagesOf(log: string[]): string[][] {
  const stages: string[][] = [[]];
  for (const line of log) {
    if (line === HEARD) stages.push([]);
    else stages.at(-1)!.push(line);
  }
  return stages;
}

function printRow(left = "", right = ""): void {
  console.log(`  ${left.padEnd(36)}${right}`.trimEnd());
}

if (Deno.args[0] === "child") {
  await child(Deno.args[1]!);
} else {
  console.log("Time runs down the page. All that is above a line has happened");
  console.log("before anything below it, whichever process did it.");
  console.log("\nAll is well\n");
  await parent("nobody");
  console.log("\nThe child fails\n");
  await parent("child");
  console.log("\nThe parent fails\n");
  await parent("parent");
}
