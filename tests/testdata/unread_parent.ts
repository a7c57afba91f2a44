// Copyright 2026 the @ipc/barrier authors. MIT license.

// Forwards more than its stdout takes, as nobody reads it.

import { spawnWithBarrier } from "../../mod.ts";

{
  const script = "head -c 1000000 /dev/zero; echo done >&3; read -r _ <&3";
  await using child = spawnWithBarrier(["sh", "-c", script], {
    stopGracePeriod: 100,
  });
  console.error(await child.ready());
  child.place();
}
console.error("ended");
Deno.exit();
