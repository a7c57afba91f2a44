// Copyright 2026 the @ipc/barrier authors. MIT license.

// Inherits the barriers of channels that are not there, and then uses descriptors of
// its own: `deno run invalid_channel.ts <channel>...`.

import { inheritBarrier } from "../../inherit.ts";

for (const channel of Deno.args) {
  Deno.env.set("BARRIER_CHANNEL", channel);
  await inheritBarrier().catch((error) =>
    console.error(error.name, error.message)
  );
}
// Deno would panic here if it had lost a descriptor of its own.
const { code } = await new Deno.Command("true").output();
Deno.addSignalListener("SIGUSR1", () => Deno.exit(code));
Deno.kill(Deno.pid, "SIGUSR1");
await new Promise((resolve) => setTimeout(resolve, 60_000));
