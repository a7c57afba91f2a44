// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Children whose readiness this process has to ask for. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  BarrierAbortedError,
  type BarrierProcess,
  type SpawnCommandOptions,
  spawnWithBarrier,
} from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { dataUrl, shell } from "./_helpers/scripts.ts";
import { test } from "./_helpers/unix.ts";

/** A port that nobody listens on. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A server that prints nothing, and listens once its stdin says so. */
function silentServer(
  port: number,
  options: SpawnCommandOptions,
): BarrierProcess {
  return spawnWithBarrier([
    Deno.execPath(),
    "run",
    "--allow-net",
    dataUrl(`
      if (Deno.args[0] === "wait") await Deno.stdin.read(new Uint8Array(1));
      Deno.serve({ hostname: "127.0.0.1", port: ${port}, onListen() {} }, () =>
        new Response("hi"));
    `),
    options.stdin ? "wait" : "start",
  ], options);
}

for (const channel of CHANNELS) {
  test(`BarrierProcess.ready() resolves to the address of 'readyUrl' over "${channel}"`, async () => {
    const port = freePort();
    const readyUrl = `http://127.0.0.1:${port}/`;
    await using child = silentServer(port, { channel, readyUrl });
    assertEquals(await child.ready(), readyUrl);
    assertEquals(await (await fetch(readyUrl)).text(), "hi");
  });

  test(`BarrierProcess.ready() resolves to what 'readyWhen' returns over "${channel}"`, async () => {
    let calls = 0;
    await using child = shell("exec sleep 1000", {
      channel,
      readyWhen: () => ++calls === 3 && "third time",
    });
    assertEquals(await child.ready(), "third time");
    assertEquals(calls, 3);
  });
}

test("spawnWithBarrier() asks 'readyUrl' until the server listens", async () => {
  const port = freePort();
  const readyUrl = new URL(`tcp://127.0.0.1:${port}`);
  await using child = silentServer(port, { readyUrl, stdin: "piped" });
  const error = await assertRejects(
    () => child.ready({ timeout: 300 }),
    DOMException,
    "not ready within 300 ms: last error: Connection refused",
  );
  assertEquals(error.name, "TimeoutError");
  const writer = child.stdin.getWriter();
  await writer.write(new Uint8Array(1));
  assertEquals(await child.ready(), readyUrl.href);
});

test("spawnWithBarrier() counts 'readyLine' and 'readyWhen' each", async () => {
  await using child = shell("echo ready; exec sleep 1000", {
    readyLine: /ready/,
    readyWhen: () => "asked",
    stdout: "null",
  });
  const notes = [await child.ready(), await child.ready()];
  assertEquals(notes.sort(), ["asked", "ready"]);
});

test("BarrierProcess.ready() rejects when the child exits before 'readyWhen' succeeds", async () => {
  const asked = Promise.withResolvers<AbortSignal>();
  await using child = shell("read -r _; exit 3", {
    stdin: "piped",
    readyWhen(signal) {
      asked.resolve(signal);
      return new Promise(() => {});
    },
  });
  const signal = await asked.promise;
  await child.stdin.close();
  await assertRejects(
    () => child.ready(),
    BarrierAbortedError,
    "(sh) exited with code 3",
  );
  assert(signal.aborted);
});

test("spawnWithBarrier() aborts the signal of 'readyWhen' when the child is stopped", async () => {
  const asked = Promise.withResolvers<AbortSignal>();
  await using child = shell("exec sleep 1000", {
    readyWhen(signal) {
      asked.resolve(signal);
      return new Promise(() => {});
    },
  });
  const signal = await asked.promise;
  await child.stop();
  assert(signal.aborted);
});

test("spawnWithBarrier() keeps a child with 'readyWhen' that closes its channel", async () => {
  await using child = shell("exec 3>&-; echo closed; exec sleep 1000", {
    readyLine: /closed/,
    readyWhen: () => true,
    stdout: "null",
  });
  await child.ready();
  await child.ready();
  assertEquals(child.signal.aborted, false);
});

test("spawnWithBarrier() throws for an address of 'readyUrl' that is in use", () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  assertThrows(
    () => shell("exit", { readyUrl: `tcp://127.0.0.1:${port}` }),
    Deno.errors.AddrInUse,
    "another program listens on 127.0.0.1",
  );
});

for (
  const [options, message] of [
    [{ readyUrl: 8000 }, "'readyUrl' must be a URL such as"],
    [{ readyUrl: "ftp://localhost/" }, "'readyUrl' must be a URL such as"],
    [{ readyUrl: "tcp://localhost:65536" }, "'readyUrl' must be a URL such as"],
    [{ readyWhen: true }, "'readyWhen' must be a function, received true"],
  ] as const
) {
  test(`spawnWithBarrier() throws for ${Deno.inspect(options)}`, () => {
    assertThrows(
      () => spawnWithBarrier(["true"], options as never),
      TypeError,
      message,
    );
  });
}
