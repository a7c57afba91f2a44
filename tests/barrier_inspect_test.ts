// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What `console.log()` shows of a barrier. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { inspect } from "node:util";
import { Barrier, spawnWithBarrier } from "../mod.ts";
import { HUNG_UP } from "./_helpers/barriers.ts";
import { setUp } from "./_helpers/test_channel.ts";
import { test } from "./_helpers/unix.ts";

Deno.test("console.log() shows the counters of a barrier and its pending waits", async () => {
  const { barrier, channel } = setUp({ role: "child" });
  assertEquals(
    Deno.inspect(barrier),
    `Barrier {
  role: "child",
  placed: 0,
  consumed: 0,
  arrived: 0,
  waiting: {},
  ended: undefined
}`,
  );
  channel.deliver("\n+one\n");
  await barrier.receive();
  barrier.place();
  barrier.place("note");
  barrier.place();
  barrier.sync();
  barrier.syncNext();
  barrier.waitNext();
  barrier.receive();
  barrier[Symbol.asyncIterator]().next();
  barrier.waitAbortion();
  assertEquals(
    Deno.inspect(barrier),
    `Barrier {
  role: "child",
  placed: 3,
  consumed: 1,
  arrived: 1,
  waiting: { waitNext: 1, syncNext: 1, sync: 1, receive: 2, waitAbortion: 1 },
  ended: undefined
}`,
  );
});

Deno.test("console.log() counts what was dropped neither as consumed nor as arrived", () => {
  const { barrier, channel } = setUp();
  channel.deliver("\n\n");
  barrier.abort();
  channel.deliver("\n");
  const shown = Deno.inspect(barrier);
  assertStringIncludes(shown, "placed: 0,\n  consumed: 0,\n  arrived: 0,");
});

Deno.test("console.log() shows why a barrier has ended", () => {
  const { barrier, channel } = setUp();
  channel.deliver("abort disk full\n");
  assertStringIncludes(
    Deno.inspect(barrier),
    'ended: "Barrier aborted by the peer: disk full"',
  );
  const hungUp = setUp();
  hungUp.channel.receiver.end();
  assertStringIncludes(Deno.inspect(hungUp.barrier), `ended: "${HUNG_UP}"`);
  const destroyed = setUp();
  destroyed.barrier.destroy();
  assertStringIncludes(
    Deno.inspect(destroyed.barrier),
    'ended: "Barrier destroyed by this side"',
  );
});

Deno.test("util.inspect() of Node shows what console.log() does", () => {
  const [parent] = Barrier.pair();
  assertEquals(
    inspect({ parent }, { breakLength: Infinity }),
    "{ parent: Barrier { role: 'parent', placed: 0, consumed: 0, arrived: 0, waiting: {}, ended: undefined } }",
  );
});

test("console.log() shows the process ID and the name of a child", async () => {
  await using child = spawnWithBarrier(["sleep", "60"]);
  assertStringIncludes(
    Deno.inspect(child),
    `role: "parent",
  pid: ${child.pid},
  name: "sleep",
  placed: 0,`,
  );
});
