// Copyright 2026 the @ipc/barrier authors. MIT license.

import { DrivenChild, PEERS } from "./_helpers/driver.ts";
import { SCENARIOS } from "./_helpers/scenarios.ts";

for (const [name, run] of Object.entries(SCENARIOS)) {
  for (const peer of PEERS) {
    const where = `"${peer.channel}"${peer.deno ? ` under ${peer.deno}` : ""}`;
    Deno.test(`systemd's barrier_${name} over ${where}`, async () => {
      await using child = await DrivenChild.spawn(peer);
      await run(child, child.barrier);
    });
  }
}
