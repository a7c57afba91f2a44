// Copyright 2026 the @ipc/barrier authors. MIT license.

import { CHANNELS, DrivenChild, PEERS } from "./_helpers/driver.ts";
import { SCENARIOS } from "./_helpers/scenarios.ts";

for (const [index, [name, run]] of Object.entries(SCENARIOS).entries()) {
  // The rules are the same over all channels, so each scenario has one of them.
  const channel = CHANNELS[index % CHANNELS.length];
  for (const peer of PEERS) {
    if (peer.deno === undefined && peer.channel !== channel) continue;
    const where = `"${peer.channel}"${peer.deno ? ` under ${peer.deno}` : ""}`;
    Deno.test(`systemd's barrier_${name} over ${where}`, async () => {
      await using child = await DrivenChild.spawn(peer);
      await run(child, child.barrier);
    });
  }
}
