// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers with programs that are not Deno. */

import { isPending, turnEventLoop } from "./_helpers/event_loop.ts";
import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertMatch,
  assertRejects,
} from "@std/assert";
import { spawn as spawnWithNode } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { type BarrierProcess, spawnWithBarrier } from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { PEER_PROGRAMS, results } from "./_helpers/peers.ts";
import { isInstalled } from "./_helpers/programs.ts";
import { run } from "./_helpers/run.ts";
import { childModule, shell } from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { test } from "./_helpers/unix.ts";

const MEGABYTE = 1024 * 1024;

/** Those that start slowly. peer_test.ts does the rest over "stdio". */
const SLOW = ["Python", "Node", "Bun"];

for (const { language, command, waitNext, checks, ignore } of PEER_PROGRAMS) {
  const isSlow = SLOW.includes(language);
  for (const channel of CHANNELS) {
    const where = `a ${language} peer over "${channel}"`;
    const test = (name: string, fn: () => Promise<void>) =>
      Deno.test({ name, ignore, fn });
    /** What a slow one does in the same way over any channel. */
    const testFast = isSlow ? () => {} : test;
    const spawn = (...calls: string[]) =>
      spawnWithBarrier(command, { args: calls, channel, stderr: "piped" });

    test(`Barrier.waitNext() takes what ${where} places`, async () => {
      await using child = spawn("place", waitNext, "place=größe 7");
      assert(await child.waitNext());
      assertEquals(child.note, undefined);
      child.place();
      assert(await child.waitNext());
      assertEquals(child.note, "größe 7");
      assertFalse(await child.waitNext());
      assertEquals(results(await child.stderr.text()), [
        "place true",
        `${waitNext} true`,
        "place true",
      ]);
    });

    testFast(`Barrier.place() ends a wait of ${where}`, async () => {
      await using child = spawn("place", waitNext);
      assert(await child.waitNext());
      child.place("größe 8");
      assertEquals(results(await child.stderr.text()), [
        "place true",
        `${waitNext} true größe 8`,
      ]);
    });

    // peer_test.ts has none in Bun.
    const testOutput = language === "Bun" && channel === "stdio"
      ? test
      : testFast;
    testOutput(
      `BarrierProcess.stdout is what ${where} prints, and no more`,
      async () => {
        await using child = spawnWithBarrier(command, {
          args: [
            "print=Hello",
            "place",
            "print=half way",
            "place=1",
            "print=bye",
          ],
          channel,
          stdout: "piped",
          stderr: "null",
        });
        child.place();
        child.place();
        const [output] = await Promise.all([child.stdout.text(), child.sync()]);
        assertEquals(output, "Hello\nhalf way\nbye\n");
        assertEquals(child.note, "1");
      },
    );

    if (channel === "stdio" && isSlow) continue;

    testFast(
      `Barrier.place() sends a note that fills a line to ${where}`,
      async () => {
        const note = "x".repeat(4095);
        await using child = spawn(waitNext);
        child.place(note);
        assertEquals(results(await child.stderr.text()), [
          `${waitNext} true ${note}`,
        ]);
      },
    );

    for (const placed of [1, 2]) {
      const result = placed === 2 ? "true" : "false hung up";

      testFast(
        `Barrier.place() matches ${placed} of 2 barriers that ${where} placed`,
        async () => {
          await using child = spawn("place", "place=both", "sync", waitNext);
          while (child.note !== "both") assert(await child.waitNext());
          for (let i = 0; i < placed; i++) child.place();
          child.destroy();
          assertEquals(results(await child.stderr.text()), [
            "place true",
            "place true",
            `sync ${result}`,
            `${waitNext} false hung up`,
          ]);
        },
      );

      testFast(
        `Barrier.place() matches ${placed} of 2 in the BARRIER_STATE of ${where}`,
        async () => {
          await using child = spawnWithBarrier(command, {
            args: ["sync", waitNext],
            channel,
            env: { BARRIER_STATE: "2" },
            stderr: "piped",
          });
          for (let i = 0; i < placed; i++) child.place();
          child.destroy();
          assertEquals(results(await child.stderr.text()), [
            `sync ${result}`,
            `${waitNext} false hung up`,
          ]);
        },
      );
    }

    test(`Barrier.waitAbortion() ends with the reason of ${where}`, async () => {
      await using child = spawn("place", "abort=disk full", "place", waitNext);
      assert(await child.waitAbortion());
      assertEquals(
        child.signal.reason.message,
        "Barrier aborted by the peer: disk full",
      );
      assertFalse(await child.waitNext());
      assertEquals(results(await child.stderr.text()), [
        "place true",
        "abort true",
        "place false",
        `${waitNext} false`,
      ]);
    });

    testFast(
      `Barrier.abort() ends a wait of ${where}, with its reason`,
      async () => {
        await using child = spawn("place", waitNext, "place", "sync");
        assert(await child.waitNext());
        assert(child.abort("no longer needed"));
        assertFalse(await child.waitAbortion());
        assertEquals(results(await child.stderr.text()), [
          "place true",
          `${waitNext} false no longer needed`,
          "place false no longer needed",
          "sync false no longer needed",
        ]);
      },
    );

    for (
      const [end, calls, code] of [
        ["exits", [], 0],
        ["crashes", ["crash"], 137],
      ] as const
    ) {
      const testEnd = end === "exits" ? testFast : test;
      testEnd(
        `Barrier.sync() counts what ${where} places before it ${end}`,
        async () => {
          await using child = spawn("place", "place=last", ...calls);
          assertEquals((await child.status).code, code);
          child.place();
          child.place();
          assert(await child.sync());
          assertEquals(child.note, "last");
          assertFalse(await child.waitNext());
          assertEquals(results(await child.stderr.text()), [
            "place true",
            "place true",
          ]);
        },
      );
    }

    // A shell is ended by its first write to a peer that is gone.
    if (language === "bash") continue;

    test(`Barrier.place() reaches ${where} that finds its parent gone`, async () => {
      await using directory = await TempDir.make();
      const gate = await directory.makeFifo();
      await using child = spawnWithBarrier(
        ["sh", "-c", 'read -r _ <"$0"; exec "$@"', gate, ...command],
        { args: ["place", "sync", waitNext], channel, stderr: "piped" },
      );
      child.place("last");
      child.destroy();
      await turnEventLoop();
      await Deno.writeTextFile(gate, "\n");
      assertEquals(results(await child.stderr.text()), [
        "place true",
        "sync true last",
        `${waitNext} false hung up`,
      ]);
    });
  }

  // peer_test.ts does the same over "stdio".
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test({ name, ignore, fn });
  const where = `a ${language} peer`;

  for (
    const [what, input, said] of [
      ["text", "half way\n", "true half way"],
      ["text that ends in CR LF", "half way\r\n", "true half way"],
      ["text with a byte order mark", "\ufeffhalf\n", "true \ufeffhalf"],
      ["a note that starts with +", "++1\n", "true +1"],
      ["half a line", "half a", "false hung up"],
    ] as const
  ) {
    // Bun runs Node's program, and reads in its own way.
    if (language === "Bun" && !["text", "half a line"].includes(what)) continue;
    test(`PROTOCOL.md describes ${where} that reads ${what}`, async () => {
      const answer = await converse([...command, waitNext], input);
      assertEquals(answer, { said: [`${waitNext} ${said}`], sent: "" });
    });
  }

  test(`PROTOCOL.md is followed by ${where} that places and aborts on a descriptor`, async () => {
    const calls = ["place", "place=half way", "print=Hello", "abort=disk full"];
    const { sent } = await converse([...command, ...calls], "");
    assertEquals(sent, "\n+half way\nabort disk full\n");
  });

  test(`PROTOCOL.md is followed by ${where} whose channel is descriptor 9`, async () => {
    const calls = [waitNext, "place=half way"];
    const answer = await converse([...command, ...calls], "+go\n", 9);
    assertEquals(answer, {
      said: [`${waitNext} true go`, "place true go"],
      sent: "+half way\n",
    });
  });

  if (!checks) continue;

  for (
    const [what, input] of [
      ["a line that is too long", `${"x".repeat(4097)}\n`],
      ["a line that is too long and has no end", "x".repeat(4097)],
      ["a line with a control character", "half\tway\n"],
      ["a line that is not UTF-8", Uint8Array.of(0x78, 0xff, 0x0a)],
    ] as const
  ) {
    if (isSlow && !what.endsWith("has no end")) continue;
    test(`PROTOCOL.md describes ${where} that reads ${what}`, async () => {
      const answer = await converse([...command, waitNext], input);
      assertEquals(answer, {
        said: [`${waitNext} false broke the protocol`],
        sent: "abort this is not the barrier protocol\n",
      });
    });
  }
}

/** Runs a peer with a parent that sends just these bytes to a descriptor. */
async function converse(
  [command, ...args]: string[],
  input: string | Uint8Array,
  fd = 3,
): Promise<{ said: string[]; sent: string }> {
  const child = spawnWithNode(command!, args, {
    env: { ...Deno.env.toObject(), BARRIER_CHANNEL: `fd:${fd}` },
    stdio: Array.from(
      { length: fd + 1 },
      (_, i) => i === 2 || i === fd ? "pipe" : "ignore",
    ),
  });
  const exit = once(child, "exit");
  const channel = child.stdio[fd] as Socket;
  channel.end(input);
  const [said, sent] = await Promise.all([
    buffer(child.stderr!),
    buffer(channel),
    exit,
  ]);
  return { said: results(said.toString()), sent: sent.toString() };
}

// Programs that nobody here wrote

Deno.test({
  name: "Barrier.waitNext() takes the newline of an s6-svscan that is ready",
  ignore: !isInstalled("s6-svscan"),
  fn: async () => {
    await using directory = await TempDir.make();
    const daemon = spawnWithBarrier(["s6-svscan", "-d", "3", directory.path]);
    assert(await daemon.waitNext());
    assertEquals(daemon.note, undefined);
    await assertLivesOn(daemon, "s6-svscan");
  },
});

Deno.test({
  name: "Barrier.note is the address that dbus-daemon prints when it is ready",
  ignore: !isInstalled("dbus-daemon"),
  fn: async () => {
    const daemon = spawnWithBarrier(
      ["dbus-daemon", "--session", "--nofork", "--print-address=3"],
      { stderr: "null" }, // it complains of limits that it may not raise
    );
    assert(await daemon.waitNext());
    assertMatch(daemon.note!, /^unix:.+,guid=[0-9a-f]{32}$/);
    await assertLivesOn(daemon, "dbus-daemon");
  },
});

/** A daemon has closed its channel, and still does what it does on `SIGTERM`. */
async function assertLivesOn(
  daemon: BarrierProcess,
  program: string,
): Promise<void> {
  assert(await daemon.waitAbortion());
  assertEquals(
    daemon.signal.reason.message,
    `Child process ${daemon.pid} (${program}) closed its channel`,
  );
  assert(await isPending(daemon.exited));
  await daemon[Symbol.asyncDispose]();
  assert((await daemon.status).success);
}

// Bad input

for (const channel of CHANNELS) {
  const fd = channel === "fd" ? 3 : 1;
  const rs = channel === "fd" ? "" : "\\036";

  test(`Barrier.waitNext() takes what a child places that then closes "${channel}" and runs on`, async () => {
    const script = `printf '${rs}\\n' >&${fd}; exec sleep 1000 ${fd}>&-`;
    await using child = shell(script, { channel });
    assert(await child.waitNext());
    assertFalse(await child.waitNext());
    assertEquals(
      child.signal.reason.message,
      `Child process ${child.pid} (sh) closed its channel`,
    );
    assert(await isPending(child.exited));
  });

  test(`Barrier.waitNext() can be canceled when a child never speaks over "${channel}"`, async () => {
    const controller = new AbortController();
    await using child = shell("exec sleep 1000", { channel });
    const wait = child.waitNext({ signal: controller.signal });
    assert(child.place());
    controller.abort(new Error("enough"));
    await assertRejects(() => wait, Error, "enough");
    assertFalse(child.isAborted);
    assert(await isPending(child.exited));
  });

  test(`Barrier.waitNext() resolves to false when a child exits that never spoke over "${channel}"`, async () => {
    await using child = shell("exit 7", { channel });
    assertFalse(await child.waitNext());
    assertEquals((await child.status).code, 7);
  });

  test(`Barrier.sync() counts 500,000 barriers with which a child floods "${channel}"`, async () => {
    const script = `yes "$(printf '${rs}')" | head -n 500000 >&${fd}`;
    await using child = shell(script, { channel });
    await child.exited;
    for (let placed = 0; placed < 500_000; placed++) child.place();
    assert(await child.sync());
    child.place();
    assertFalse(await child.sync());
  });

  // Those over "stdio" are searched for in the child's output, which takes longer.
  const megabytes = channel === "fd" ? 64 : 16;

  test(`Barrier.waitNext() takes ${megabytes} MiB of barriers over "${channel}" in constant memory`, async () => {
    const script = `
      for quarter in 1 2 3 4; do
        yes "$(printf '${rs}')" | head -c ${megabytes / 4 * MEGABYTE}
        printf '${rs}+%s\\n' $quarter
      done >&${fd}
    `;
    await using child = shell(script, { channel });
    const peaks = [0, 0, 0, 0];
    while (child.note !== "4") {
      const quarter = Number(child.note ?? 0);
      peaks[quarter] = Math.max(peaks[quarter]!, Deno.memoryUsage().rss);
      assert(await child.waitNext());
    }
    assertFalse(await child.waitNext());
    const [first, ...later] = peaks;
    assertLess(Math.max(...later) - first!, 48 * MEGABYTE);
  });
}

test('BarrierProcess.stdout is what a program without barriers prints over "stdio"', async () => {
  await using child = spawnWithBarrier(["echo", "hello"], {
    channel: "stdio",
    stdout: "piped",
  });
  assertEquals(await child.stdout.text(), "hello\n");
  assertFalse(await child.waitNext());
  assertFalse(child.iAborted);
});

test("Barrier.sync() counts 8 MiB of barriers with which a shell floods its child", async () => {
  const child = childModule(
    "stdio",
    `
    console.error(await barrier.sync());
    barrier.place();
    console.error(await barrier.sync());
    `,
  );
  const { stderr } = await run(
    [
      "sh",
      "-c",
      `yes '' | head -c ${8 * MEGABYTE} | "$@"`,
      "sh",
      ...[Deno.execPath(), "run", "--allow-env", child],
    ],
    { env: { BARRIER_STATE: String(8 * MEGABYTE) } },
  );
  assertEquals(stderr, "true\nfalse\n");
});
