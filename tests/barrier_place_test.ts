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

Deno.test("Barrier.place() sends nothing and returns false once either side aborted", () => {
  const local = setUp();
  local.barrier.abort();
  assertFalse(local.barrier.place());
  assertEquals(local.channel.sent, "abort\n");

  const peer = setUp();
  peer.channel.deliver("abort\n");
  assertFalse(peer.barrier.place());
  assertEquals(peer.channel.sent, "");
});

Deno.test("Barrier.place() returns true when the peer has hung up", () => {
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
      "Cannot send note: it must be at most 4095 bytes, received 4096; send larger data through the child's stdin or a file",
    );
    assertEquals(channel.sent, "");
    assertEquals(await outcomes(barrier.sync()), [true]); // it was not placed
  }
});

Deno.test("Barrier.place() throws on a note that is not one line of text", async () => {
  const { barrier, channel } = setUp();
  const printable = (shown: string) =>
    `it has a control character, a line separator or a mark of writing direction, received ${shown}; send one line of printable text`;
  const wellFormed = (shown: string) =>
    `it has a lone surrogate, received ${shown}; make it well-formed by toWellFormed()`;
  for (
    const [note, message] of [
      ["two\nlines", printable(String.raw`"two\nlines"`)],
      ["\r", printable(String.raw`"\r"`)],
      ["\0", printable(String.raw`"\u0000"`)],
      ["\t", printable(String.raw`"\t"`)],
      ["\x7f", printable(String.raw`"\u{7f}"`)],
      ["\x85", printable(String.raw`"\u{85}"`)],
      ["\u061c", printable(String.raw`"\u{61c}"`)],
      ["\u200e", printable(String.raw`"\u{200e}"`)],
      ["\u200f", printable(String.raw`"\u{200f}"`)],
      ["\u2028", printable(String.raw`"\u{2028}"`)],
      ["\u202e", printable(String.raw`"\u{202e}"`)],
      ["\u2069", printable(String.raw`"\u{2069}"`)],
      [`${"x".repeat(99)}\t`, printable(`"${"x".repeat(64)}..."`)],
      ["\ud800", wellFormed(String.raw`"\ud800"`)],
      ["\udc00\ud800", wellFormed(String.raw`"\udc00\ud800"`)],
    ] as const
  ) {
    const error = assertThrows(() => barrier.place(note), TypeError);
    assertEquals(error.message, `Cannot send note: ${message}`);
  }
  assertEquals(channel.sent, "");
  assertEquals(await outcomes(barrier.sync()), [true]); // nothing was placed
});

Deno.test("Barrier.place() throws on a note that is not a string", () => {
  const { barrier, channel } = setUp();
  for (
    const [note, shown] of [
      [8000, "8000"],
      [null, "null"],
      [{}, "{}"],
      [["note"], "note"],
    ] as const
  ) {
    const error = assertThrows(
      () => barrier.place(note as unknown as string),
      TypeError,
    );
    assertEquals(
      error.message,
      `Cannot send note: it must be a string, received ${shown}`,
    );
  }
  assertEquals(channel.sent, "");
});

Deno.test("Barrier.note is the newest among the barriers that the last wait consumed", async () => {
  const { barrier, channel } = setUp();
  assertStrictEquals(barrier.note, undefined);
  channel.deliver("+first\n");
  assertStrictEquals(barrier.note, undefined);

  await barrier.waitNext();
  assertEquals(barrier.note, "first");
  channel.deliver("\n");
  await barrier.waitNext();
  assertStrictEquals(barrier.note, undefined);
  channel.deliver("+second\n+third\n\n");
  await barrier.waitNext();
  assertEquals(barrier.note, "third");
  channel.deliver("+\n");
  await barrier.waitNext();
  assertEquals(barrier.note, "");
});

Deno.test("Barrier.note is untouched by waits that consume nothing", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("+one\n");
  assert(await barrier.waitNext());
  channel.deliver("+two\n");
  assert(await barrier.sync());
  assert(await barrier.syncNext());
  assertEquals(await outcomes(barrier.waitAbortion()), ["pending"]);
  assertEquals(barrier.note, "one");
});

Deno.test("Barrier.note is not that of a barrier which an abort canceled", async () => {
  const { barrier, channel } = setUp();
  channel.deliver("+taken\n");
  await barrier.waitNext();
  channel.deliver("+cancelled\nabort\n");
  assertFalse(await barrier.waitNext());
  assertEquals(barrier.note, "taken");
});
