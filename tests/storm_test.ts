// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Deaths at any moment. `deno task soak` has more of them. */

import { checkStorms } from "./_helpers/storm.ts";
import { IS_UNIX } from "./_helpers/unix.ts";

for (const channel of ["fd", "stdio"] as const) {
  Deno.test({
    name:
      `Barrier ends every wait as the rules say when a side dies at any moment over "${channel}"`,
    ignore: !IS_UNIX || Deno.build.os !== "linux",
    async fn() {
      const seed = Math.floor(Math.random() * 2 ** 31);
      await checkStorms({ seed, count: 4, channel });
    },
  });
}
