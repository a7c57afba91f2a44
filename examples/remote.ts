// Copyright 2026 the @ipc/barrier authors. MIT license.

// A database on another machine is frozen while its disk is copied from here. The
// child that freezes it runs there, and ssh carries the barrier over the child's
// stdin and stdout. If this process exits or the connection breaks, the child's
// wait ends, and it thaws the database. If the network loses the connection without
// an error, ssh's ServerAliveInterval and sshd's ClientAliveInterval detect it.
//
// The host needs Deno and a copy of this repository. The arguments are the host,
// the path of this file there, and options for ssh:
//
//     deno run --allow-run=ssh --allow-env examples/remote.ts HOST PATH
//
// Anything that forwards stdin and stdout works in place of ssh:
//
//     ["docker", "exec", "-i", container, "deno", "run", path, "child"]
//     ["kubectl", "exec", "-i", pod, "--", "deno", "run", path, "child"]

import { inheritBarrier, spawnWithBarrier } from "@ipc/barrier";

async function parent(
  host: string,
  path: string,
  options: string[],
): Promise<void> {
  await using child = spawnWithBarrier(
    ["ssh", "-T", ...options, host, "deno", "run", path, "child"],
    { channel: "stdio" },
  );
  console.log(`Frozen: ${await child.ready()}`);
  console.log("Copying the disk");
  child.place();
  console.log(`Thawed: ${await child.ready()}`);
  const { code } = await child.status;
  console.log(`The child has left with exit code ${code}`);
}

async function child(): Promise<void> {
  // No variable crosses ssh, so the channel is named here.
  using parent = await inheritBarrier({ channel: "stdio" });

  console.log("child: freezing");
  parent.place("42 writes are waiting");

  const copied = await parent.waitNext();
  console.log(`child: thawing, ${copied ? "all is well" : "nobody is there"}`);
  parent.place("42 writes were made");
}

const [host, path, ...options] = Deno.args;
if (host === "child") {
  await child();
} else if (host && path) {
  await parent(host, path, options);
} else {
  console.error("Usage: remote.ts HOST PATH [OPTION OF SSH]...");
  Deno.exit(2);
}
