// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Small promises of the spawn helper that nothing else would miss. */

import { assert, assertEquals, assertFalse, assertLess } from "@std/assert";
import type { ChildProcess } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Launched } from "../src/spawn/launch.ts";
import { ChildProcess as BarrierChild } from "../src/spawn/child_process.ts";
import { resolve } from "../src/spawn/options.ts";
import { drained } from "../src/runtime/drain.ts";
import { within } from "../src/runtime/timers.ts";
import { spawnWithBarrier } from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { isPending, turnEventLoop } from "./_helpers/event_loop.ts";
import {
  childModule,
  json,
  runParent,
  shell,
  startParent,
} from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { test } from "./_helpers/unix.ts";

for (const channel of CHANNELS) {
  Deno.test(`Barrier.destroy() right behind 1,000 places of one turn delivers them all over "${channel}"`, async () => {
    await using child = spawnWithBarrier(
      childModule(
        channel,
        "for (let i = 0; i < 1_000; i++) barrier.place(); barrier.destroy();",
      ),
      { channel },
    );
    for (let i = 0; i < 1_000; i++) child.place();
    assert(await child.sync());
    child.place();
    assertFalse(await child.sync());
  });

  test(`Barrier.destroy() in a parent right behind 1,000 places of one turn delivers them all over "${channel}"`, async () => {
    const input = channel === "fd" ? 3 : 0;
    await using child = shell(
      `i=0; while read -r _ <&${input}; do i=$((i + 1)); done; echo $i >&2`,
      { channel, stderr: "piped", exitGracePeriod: 60_000 },
    );
    for (let i = 0; i < 1_000; i++) child.place();
    child.destroy();
    assertEquals(await child.stderr.text(), "1000\n");
  });
}

test("spawnWithBarrier() with 'clearEnv' gives the child nothing of this process's environment", async () => {
  await using child = spawnWithBarrier(
    ["/bin/sh", "-c", 'echo "${PATH_OF_TEST-unset} ${ONLY-unset}" >&3'],
    { clearEnv: true, env: { ONLY: "this" } },
  );
  assertEquals(await child.ready(), "unset this");
  Deno.env.set("PATH_OF_TEST", "here");
  try {
    await using inherits = shell('echo "${PATH_OF_TEST-unset}" >&3');
    assertEquals(await inherits.ready(), "here");
    await using cleared = spawnWithBarrier(
      ["/bin/sh", "-c", 'echo "${PATH_OF_TEST-unset}" >&3'],
      { clearEnv: true },
    );
    assertEquals(await cleared.ready(), "unset");
  } finally {
    Deno.env.delete("PATH_OF_TEST");
  }
});

/** A socket whose data comes when the test says so. */
class StandIn extends EventEmitter {
  destroyed = false;
  readableEnded = false;
  bytesRead = 0;
  resumed = 0;

  deliver(bytes: Uint8Array): void {
    this.bytesRead += bytes.length;
    this.emit("data", bytes);
  }

  ref(): void {}

  unref(): void {}

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }

  resume(): void {
    this.resumed++;
  }

  finish(): void {
    this.readableEnded = true;
    this.emit("end");
  }
}

function standIn(): { socket: Socket; events: StandIn } {
  const events = new StandIn();
  return { socket: events as unknown as Socket, events };
}

/** A child whose process exits when the test says so. */
function standInChild(
  { socket, stdin, stdout }: Partial<Launched>,
): { process: EventEmitter; child: BarrierChild } {
  const process = Object.assign(new EventEmitter(), { pid: 1, unref() {} });
  const plan = resolve(["stand-in"], { stdout: "null", stderr: "null" });
  const child = new BarrierChild(plan, {
    process: process as unknown as ChildProcess,
    socket,
    stdin,
    stdout,
    stderr: undefined,
  });
  return { process, child };
}

/** Lets no time pass: whatever waits for some waits until this is disposed. */
function stopTime(): Disposable {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (() => 0) as unknown as typeof setTimeout;
  return { [Symbol.dispose]: () => void (globalThis.setTimeout = setTimeout) };
}

Deno.test("drained() waits by time and not by turns for the last bytes behind an exit", async () => {
  const { socket, events } = standIn();
  using _time = stopTime();
  const done = drained(socket);
  await turnEventLoop(100);
  assert(await isPending(done));
  events.finish();
  await done;
  assertEquals(events.listenerCount("data"), 0);
});

Deno.test("BarrierProcess takes what the system delivers after it told of the exit, as Windows does", async () => {
  const { socket: stdout, events } = standIn();
  const { socket: stdin } = standIn();
  using _time = stopTime();
  const { process, child } = standInChild({ stdin, stdout });
  const next = child.waitNext();
  process.emit("exit", 0, null);
  await turnEventLoop(100);
  events.deliver(new TextEncoder().encode("\x1e+last\n"));
  assert(await next);
  assertEquals(child.note, "last");
  events.finish();
  assertFalse(await child.waitNext());
  assertEquals((await child.status).code, 0);
});

Deno.test("BarrierProcess takes what arrives over a descriptor after the system told of the exit", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, "127.0.0.1");
  const [peer] = await once(server, "connection") as [Socket];
  {
    using _time = stopTime();
    const { process, child } = standInChild({ socket });
    const next = child.waitNext();
    process.emit("exit", 0, null);
    await turnEventLoop(100);
    peer.end("+last\n");
    assert(await next);
    assertEquals(child.note, "last");
    assertEquals((await child.status).code, 0);
    assert(child.signal.aborted);
  }
  server.close();
  await once(server, "close");
});

Deno.test("drained() gives a pipe up that others hold open when nothing comes, and one that they keep writing to", async () => {
  const quiet = standIn();
  await drained(quiet.socket);
  const busy = standIn();
  const done = drained(busy.socket);
  let sent = 0;
  while (await isPending(done)) {
    await turnEventLoop(1);
    busy.events.deliver(new Uint8Array(64 * 1024));
    sent += 64 * 1024;
    assertLess(sent, 1_000 * 1024 * 1024);
  }
});

Deno.test("drained() reads on where the reader is behind", async () => {
  const { socket, events } = standIn();
  const done = drained(socket);
  const before = events.resumed;
  events.deliver(new Uint8Array(1));
  assertEquals(events.resumed, before + 1);
  events.finish();
  await done;
});

Deno.test("within() leaves no timer behind, whichever is first", async () => {
  await within(60_000, Promise.resolve());
  await within(1, new Promise(() => {}), { persistent: true });
});

for (const stdout of ["piped", "forward"] as const) {
  test(`BarrierProcess lets a child wait that is 16 MiB ahead of the reader of its "${stdout}" output`, async () => {
    await using directory = await TempDir.make();
    const file = `${directory.path}/written`;
    // It says how much it could write, and more than all buffers hold.
    const script =
      `i=0; while [ $i -lt 64 ]; do head -c 1048576 /dev/zero; i=$((i + 1)); echo $i >${file}; echo >&3; done`;
    const parent = `
      const child = spawnWithBarrier(["sh", "-c", ${json(script)}], {
        stdout: "${stdout}",
      });
      // Barriers come while the child can write, and then no more.
      let taken = 0;
      for (;;) {
        const signal = AbortSignal.timeout(1_000);
        try {
          await child.waitNext({ signal });
          taken++;
        } catch {
          break;
        }
      }
      console.error(Number(Deno.readTextFileSync(${json(file)})) < 40);
      ${stdout === "piped" ? "await child.stdout.cancel();" : ""}
      child.kill("SIGKILL");
      Deno.exit();
    `;
    const { stderr } = await runBlocked(parent);
    assertEquals(stderr, "true\n");
  });
}

/** Runs a parent whose stdout nobody reads before it has ended. */
async function runBlocked(body: string): Promise<{ stderr: string }> {
  const parent = startParent(body, ["--allow-all"]);
  const stderr = await new Response(parent.stderr).text();
  await parent.stdout.cancel();
  await parent.stdin.close();
  await parent.status;
  return { stderr };
}

test("BarrierProcess.ref() and unref() do nothing to a child that is gone", async () => {
  const { code, stdout } = await runParent(`
    const child = spawnWithBarrier(["true"]);
    await child.status;
    child.ref();
    console.log("leaves");
  `);
  assertEquals({ code, stdout }, { code: 0, stdout: "leaves\n" });
});
