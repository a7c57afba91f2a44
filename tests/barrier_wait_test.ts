// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Several waits at once. */

import { assert, assertEquals, assertFalse } from "@std/assert";
import { outcomes, takeAll, WAITS } from "./_helpers/barriers.ts";
import { setUp } from "./_helpers/test_channel.ts";

Deno.test("Barrier.waitNext() and syncNext() are all served by one barrier", async () => {
  const { barrier, channel } = setUp({ barriers: 1 });
  const waits = [
    barrier.waitNext(),
    barrier.syncNext(),
    barrier.waitNext(),
    barrier.syncNext(),
  ];
  assertEquals(await outcomes(...waits), Array(4).fill("pending"));
  channel.deliver("\n");
  assertEquals(await outcomes(...waits), Array(4).fill(true));
  assertEquals(await outcomes(barrier.waitNext()), ["pending"]); // it was taken
});

Deno.test("Barrier.sync() is served for all when the peer has caught up", async () => {
  const { barrier, channel } = setUp({ barriers: 2 });
  const waits = [barrier.sync(), barrier.sync(), barrier.waitNext()];
  channel.deliver("\n");
  assertEquals(await outcomes(...waits), ["pending", "pending", true]);
  channel.deliver("\n");
  assertEquals(await outcomes(...waits), [true, true, true]);
  assertEquals(await outcomes(barrier.waitNext()), ["pending"]);
});

Deno.test("Barrier.sync() takes what arrives before a later waitNext() can", async () => {
  const { barrier, channel } = setUp({ barriers: 3 });
  const sync = barrier.sync();
  channel.deliver("\n");
  const waits = [sync, barrier.waitNext(), barrier.syncNext()];
  channel.deliver("+half a li");
  assertEquals(await outcomes(...waits), ["pending", "pending", "pending"]);
  channel.deliver("ne\n");
  assertEquals(await outcomes(...waits), ["pending", true, true]);
  channel.deliver("\n");
  assertEquals(await outcomes(...waits), [true, true, true]);
});

Deno.test("Barrier.sync() waits for more than has arrived, and takes none of it before", async () => {
  const { barrier, channel } = setUp({ barriers: 2 });
  channel.deliver("+one\n");
  const controller = new AbortController();
  const sync = barrier.sync(controller);
  assertEquals(await outcomes(sync), ["pending"]);
  controller.abort();
  await sync.catch(() => {});
  assertEquals(await barrier.receive(), "one");
});

Deno.test("Barrier.sync() waits for what is placed while it is pending", async () => {
  const { barrier, channel } = setUp();
  const sync = barrier.placeAndSync();
  barrier.place();
  channel.deliver("\n");
  assertEquals(await outcomes(sync), ["pending"]);
  channel.deliver("\n");
  assertEquals(await outcomes(sync), [true]);
});

Deno.test("Barrier.waitNext() takes all that has arrived", async () => {
  const { barrier, channel } = setUp({ barriers: 3 });
  channel.deliver("\n\n");
  assert(await barrier.waitNext());
  const waits = [barrier.waitNext(), barrier.sync()];
  assertEquals(await outcomes(...waits), ["pending", "pending"]);
  channel.deliver("\n\n");
  assertEquals(await outcomes(...waits), [true, true]);
  assertEquals(await takeAll(barrier), 1); // one more than was placed
});

Deno.test("Barrier.waitAbortion() disturbs nobody and takes nothing", async () => {
  const { barrier, channel } = setUp();
  const abortions = [barrier.waitAbortion(), barrier.waitAbortion()];
  channel.deliver("\n");
  assertEquals(await outcomes(...abortions), ["pending", "pending"]);
  assertEquals(await outcomes(barrier.waitNext()), [true]);
  const next = barrier.waitNext();
  channel.deliver("\n");
  assertEquals(await outcomes(next, ...abortions), [
    true,
    "pending",
    "pending",
  ]);
  channel.deliver("abort\n");
  assertEquals(await outcomes(...abortions), [true, true]);
});

Deno.test("Barrier waits of every kind are ended by the peer's abort and by its hang-up", async () => {
  for (const end of ["abortion", "hang-up"]) {
    const { barrier, channel } = setUp({ barriers: 2 });
    const waits = WAITS.map((wait) => barrier[wait]());
    if (end === "abortion") channel.deliver("abort\n");
    else channel.hangUp();
    const expected = [false, false, false, false, true];
    assertEquals(await outcomes(...waits), expected);
    const later = WAITS.map((wait) => barrier[wait]());
    assertEquals(await outcomes(...later), expected);
  }
});

Deno.test("Barrier.waitAbortion() resolves after a hang-up that came before it", async () => {
  const { barrier, channel } = setUp();
  channel.hangUp();
  assertFalse(barrier.theyAborted);
  assertEquals(await outcomes(barrier.waitAbortion()), [true]);
  assert(barrier.theyAborted);
});

Deno.test("Barrier.waitAbortion() counts an abort that the peer answers immediately", async () => {
  const { barrier, channel } = setUp();
  const abortion = barrier.waitAbortion();
  channel.send = () => channel.deliver("abort\n");
  assertFalse(barrier.abort());
  assertEquals(await outcomes(abortion), [false]);
});
