// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * The scenarios of systemd's `test-barrier.c`, under their names, between two
 * real processes. There, an alarm shows that a wait blocks; here, the wait is
 * seen pending when everything that was sent has arrived, and is then ended by
 * the other side.
 */

import { assert, assertEquals, assertFalse } from "@std/assert";
import type { Barrier } from "../../mod.ts";
import type { DrivenChild } from "./driver.ts";

/** What a driven child and its parent do, and what must come of it. */
export const SCENARIOS: Record<
  string,
  (child: DrivenChild, parent: Barrier) => Promise<void>
> = {
  sync: async (child, parent) => {
    assert(parent.place());
    assert(await child.call("place"));
    assert(await parent.sync());
    parent.destroy(); // it exits before the child syncs
    assert(await child.call("sync"));
  },

  wait_next: async (child, parent) => {
    assert(parent.place());
    assert(await child.call("waitNext"));
    assert(await child.call("place"));
    assert(await parent.sync());
    assert(await child.call("sync"));
  },

  wait_next_twice: async (child, parent) => {
    assert(parent.place());
    assert(parent.place());
    assert(await child.call("waitNext"));
    const second = await child.start("waitNext");
    assert(second.blocked);
    assert(parent.place());
    assert(await second.result);
  },

  wait_next_twice_local: async (child, parent) => {
    assert(parent.place());
    assert(parent.place());
    assert(await child.call("waitNext"));
    assert(await child.call("place"));
    assert(await child.call("place"));
    const second = await child.start("waitNext");
    assert(second.blocked);
    assert(parent.place());
    assert(await second.result);
  },

  wait_next_twice_sync: async (child, parent) => {
    assert(parent.place());
    assert(parent.place());
    parent.destroy();
    assert(await child.call("waitNext"));
    assert(await child.call("syncNext"));
  },

  wait_next_twice_local_sync: async (child, parent) => {
    assert(parent.place());
    assert(parent.place());
    parent.destroy();
    assert(await child.call("waitNext"));
    assert(await child.call("place"));
    assert(await child.call("place"));
    assert(await child.call("syncNext"));
  },

  sync_next: async (child, parent) => {
    assert(await child.call("syncNext"));
    assert(await child.call("sync"));
    assert(await child.call("place"));
    assert(await child.call("place"));
    const next = await child.start("syncNext");
    assert(next.blocked);
    assert(parent.place());
    assert(parent.place());
    assert(await parent.sync());
    assert(await next.result);
    assert(await child.call("syncNext"));
    assert(await child.call("sync"));
  },

  sync_next_local: async (child, parent) => {
    assert(await child.call("place"));
    const next = await child.start("syncNext");
    assert(next.blocked);
    assert(parent.place());
    assert(await next.result);
  },

  sync_next_local_abort: async (child, parent) => {
    assert(await child.call("place"));
    const next = await child.start("syncNext");
    assert(parent.abort());
    assertFalse(await next.result);
    // The abort has arrived, so nothing can be placed any more. systemd would
    // see it only at its next read, and its barrier_place() would say true.
    assertFalse(await child.call("place"));
  },

  wait_abortion: async (child, parent) => {
    const wait = await child.start("waitAbortion");
    assert(wait.blocked);
    assert(parent.abort());
    assert(await wait.result);
  },

  wait_abortion_unmatched: async (child, parent) => {
    const wait = await child.start("waitAbortion");
    assert(wait.blocked);
    assert(parent.place());
    assert(parent.place());
    // A later answer of the child shows that both barriers have arrived there.
    assert(await child.call("waitNext"));
    assertEquals(await child.call("flags"), [false, false]);
    parent.abort();
    assert(await wait.result);
  },

  wait_abortion_local: async (child, parent) => {
    assert(await child.call("abort"));
    const wait = await child.start("waitAbortion");
    assert(wait.blocked);
    // The child's abort has arrived here: barrier_abort() is true in systemd,
    // which has not read it yet.
    assertFalse(parent.abort());
    assertFalse(await wait.result);
  },

  wait_abortion_local_unmatched: async (child, parent) => {
    assert(await child.call("abort"));
    const wait = await child.start("waitAbortion");
    assert(wait.blocked);
    // Whatever else the parent does, only its own abort or exit ends it. It
    // cannot place, as the child's abort has arrived (systemd's could).
    assertFalse(parent.place());
    assertEquals(await child.call("flags"), [true, false]);
    parent.destroy();
    assertFalse(await wait.result);
  },

  exit: async (child, parent) => {
    assert(parent.place());
    const sync = parent.sync();
    await child.start("exit");
    assertFalse(await sync);
  },

  no_exit: async (child, parent) => {
    assert(parent.place());
    let ended = false;
    const sync = parent.sync().finally(() => ended = true);
    await child.call("flags");
    assertFalse(ended);
    assert(await child.call("place"));
    assert(await sync);
  },

  pending_exit: async (child, parent) => {
    assert(parent.place());
    parent.destroy();
    assert(await child.call("waitNext"));
    assert(await child.call("syncNext"));
    assert(await child.call("place"));
    assert(await child.call("syncNext"));
    assert(await child.call("place"));
    assertFalse(await child.call("syncNext"));
  },
};
