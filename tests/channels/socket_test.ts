// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { type Barrier, spawnWithBarrier } from "../../mod.ts";
import { channelFd } from "../../src/channels/environment.ts";
import { turnEventLoop } from "../_helpers/event_loop.ts";
import { childModule, shell } from "../_helpers/scripts.ts";
import { test } from "../_helpers/unix.ts";

/** Notes that differ, and do not all fit the buffer of a socket. */
const NOTES = Array.from({ length: 2_000 }, (_, i) => `${i}`.repeat(300));

async function placeNotes(barrier: Barrier): Promise<void> {
  for (const [i, note] of NOTES.entries()) {
    barrier.place(note);
    if (i % 50 === 49) await turnEventLoop(1);
  }
}

test("SocketChannel.send() sends what many turns placed while the peer did not read", async () => {
  await using child = shell("read -r _; cat <&3", {
    stdin: "piped",
    stdout: "piped",
  });
  await placeNotes(child);
  const stdin = child.stdin.getWriter();
  await stdin.write(new TextEncoder().encode("go\n"));
  child.destroy();
  const lines = (await child.stdout.text()).split("\n").slice(0, -1);
  assertEquals(lines, NOTES.map((note) => `+${note}`));
});

test("SocketChannel.send() sends many in one turn, whether or not a close follows", async () => {
  await using child = shell("head -n 9 <&3; exec >&-; cat <&3 >&2", {
    stdout: "piped",
    stderr: "piped",
  });
  for (let i = 1; i <= 9; i++) child.place(`${i}`);
  assertEquals(
    (await child.stdout.text()).replaceAll("\n", ""),
    "+1+2+3+4+5+6+7+8+9",
  );
  for (let i = 1; i <= 9; i++) child.place();
  child.destroy();
  assertEquals(await child.stderr.text(), "\n".repeat(9));
});

test("SocketChannel.hangUp() closes the channel, which a grandchild may still read", async () => {
  await using child = shell("(cat <&3; echo end >&2) & exit 0", {
    stdout: "null",
    stderr: "piped",
  });
  assertEquals(await child.waitNext(), false);
  assertEquals(await child.stderr.text(), "end\n");
});

test("InheritedChannel hangs up when the parent does", async () => {
  await using child = spawnWithBarrier(
    childModule("fd", "console.log(await barrier.waitNext());"),
    { stdout: "piped" },
  );
  child.destroy();
  assertEquals(await child.stdout.text(), "false\n");
});

for (
  const [name, fd] of [
    ["fd", 3],
    ["fd:3", 3],
    ["fd:10", 10],
    ["fd:2", undefined],
    ["fd:-1", undefined],
    ["fd:", undefined],
    ["fd:12345678", undefined],
    ["xfd:3", undefined],
    ["fd:3x", undefined],
    ["stdio", undefined],
  ] as const
) {
  Deno.test(`channelFd() of "${name}" is ${fd}`, () => {
    assertEquals(channelFd(name), fd);
  });
}

test('inheritBarrier() takes the channel "fd:3"', async () => {
  await using child = spawnWithBarrier(
    childModule("fd:3", 'barrier.place("here");'),
    { channel: "fd:3" },
  );
  assertEquals(await child.ready(), "here");
});
