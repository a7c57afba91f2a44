// Copyright 2026 the @ipc/barrier authors. MIT license.

// Starts a daemon that does not use this library, a private D-Bus message bus, uses
// it as soon as it is ready, and stops it. Like many daemons, it prints a line to a
// file descriptor when it is ready. The line counts as a barrier, and its text, the
// address of the bus, is the note.
//
//     deno run --allow-run --allow-env examples/daemon.ts

import { spawnWithBarrier } from "@ipc/barrier";

{
  await using bus = spawnWithBarrier([
    "dbus-daemon",
    "--session",
    "--nofork",
    "--print-address=3",
  ]);
  const address = await bus.ready();
  console.log(`The bus is ready at ${address}`);

  const { stdout } = await new Deno.Command("dbus-send", {
    args: [
      `--bus=${address}`,
      "--print-reply=literal",
      "--dest=org.freedesktop.DBus",
      "/org/freedesktop/DBus",
      "org.freedesktop.DBus.NameHasOwner",
      "string:org.freedesktop.DBus",
    ],
  }).output();
  console.log(`It answers: ${new TextDecoder().decode(stdout).trim()}`);
}
console.log("The bus has stopped");
