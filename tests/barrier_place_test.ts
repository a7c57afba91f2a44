// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Placing barriers, and their notes. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Barrier } from "../barrier.ts";
import { outcomes } from "./_helpers/barriers.ts";
import { setUp } from "./_helpers/test_channel.ts";

Deno.test("Barrier.place() sends an empty line, or one with a note", () => {
  const { barrier, channel } = setUp();
  assert(barrier.place());
  assertEquals(channel.sent, "\n");
  assert(barrier.place("listening on :80"));
  assert(barrier.place(""));
  assertEquals(channel.sent, "\n+listening on :80\n+\n");
});

Deno.test("Barrier.place() sends nothing and gives false once either side aborted", () => {
  const local = setUp();
  local.barrier.abort();
  assertFalse(local.barrier.place());
  assertEquals(local.channel.sent, "abort\n");

  const peer = setUp();
  peer.channel.deliver("abort\n");
  assertFalse(peer.barrier.place());
  assertEquals(peer.channel.sent, "");
});

Deno.test("Barrier.place() gives true when the peer has hung up", () => {
  const { barrier, channel } = setUp();
  channel.hangUp();
  assert(barrier.place());
  assertFalse(barrier.isAborted);
});

Deno.test("Barrier.place() takes a note of up to 4,095 bytes", async () => {
  for (const note of ["x".repeat(4_095), "é".repeat(2_047) + "x"]) {
    const [parent, child] = Barrier.pair();
    assert(child.place(note));
    assert(await parent.waitNext());
    assertEquals(parent.note, note);
  }
  for (const note of ["x".repeat(4_096), "é".repeat(2_048)]) {
    const { barrier, channel } = setUp();
    const error = assertThrows(() => barrier.place(note), RangeError);
    assertEquals(
      error.message,
      "Cannot send note of 4096 bytes: it must fit 4095 bytes",
    );
    assertEquals(channel.sent, "");
    assertEquals(await outcomes(barrier.sync()), [true]); // it was not placed
  }
});

Deno.test("Barrier.place() throws on a note that is not one line of text", async () => {
  const { barrier, channel } = setUp();
  for (
    const [note, shown] of [
      ["two\nlines", String.raw`two\x0alines`],
      ["\r", String.raw`\x0d`],
      ["\0", String.raw`\x00`],
      ["\t", String.raw`\x09`],
      ["\x7f", String.raw`\x7f`],
      ["\x85", String.raw`\xc2\x85`],
      ["\ud800", String.raw`\xef\xbf\xbd`],
      ["\udc00\ud800", String.raw`\xef\xbf\xbd\xef\xbf\xbd`],
    ] as const
  ) {
    const error = assertThrows(() => barrier.place(note), TypeError);
    assertEquals(
      error.message,
      `Cannot send note "${shown}": expected one line of text without characters that control a terminal or the direction of writing`,
    );
  }
  assertEquals(channel.sent, "");
  assertEquals(await outcomes(barrier.sync()), [true]); // nothing was placed
});

Deno.test("Barrier.place() throws on a note that is not a string", () => {
  const { barrier, channel } = setUp();
  for (const note of [8000, null, {}, ["note"]]) {
    const error = assertThrows(
      () => barrier.place(note as unknown as string),
      TypeError,
    );
    assertEquals(
      error.message,
      `Cannot send note: expected a string, received ${typeof note}`,
    );
  }
  assertEquals(channel.sent, "");
});

Deno.test("Barrier.note is that of the newest barrier taken that had one", async () => {
  const { barrier, channel } = setUp();
  assertStrictEquals(barrier.note, undefined);
  channel.deliver("+first\n");
  assertStrictEquals(barrier.note, undefined);

  await barrier.waitNext();
  assertEquals(barrier.note, "first");
  channel.deliver("\n");
  await barrier.waitNext();
  assertEquals(barrier.note, "first");
  channel.deliver("+second\n+third\n\n");
  await barrier.waitNext();
  assertEquals(barrier.note, "third");
  channel.deliver("+\n");
  await barrier.waitNext();
  assertEquals(barrier.note, "");
});

Deno.test("Barrier.note is untouched by waits that take nothing", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("+note\n");
  assert(await barrier.sync());
  assert(await barrier.syncNext());
  assertEquals(await outcomes(barrier.waitAbortion()), ["pending"]);
  assertStrictEquals(barrier.note, undefined);
});

Deno.test("Barrier.note is not that of a barrier which an abortion cancelled", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("+taken\n");
  await barrier.waitNext();
  channel.deliver("+cancelled\nabort\n");
  assertFalse(await barrier.waitNext());
  assertEquals(barrier.note, "taken");
});
