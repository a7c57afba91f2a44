// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers over the connections of `Deno.connect()`. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStringIncludes,
} from "@std/assert";
import { Barrier, BarrierAbortedError, type BarrierRole } from "../barrier.ts";
import { HUNG_UP } from "./_helpers/barriers.ts";
import { connect, CONNECTIONS } from "./_helpers/connections.ts";
import { start } from "./_helpers/run.ts";
import { barrierProgram, runBarrierOver } from "./_helpers/scripts.ts";
import { test } from "./_helpers/unix.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Puts a barrier on a connection; disposed of, that has been closed. */
function over(conn: Deno.Conn, role?: BarrierRole): Barrier & AsyncDisposable {
  const closed = Promise.withResolvers<void>();
  const { close } = conn;
  conn.close = () => {
    closed.resolve();
    close.call(conn);
  };
  const barrier = Barrier.over(conn, { role });
  return Object.assign(barrier, {
    async [Symbol.asyncDispose]() {
      barrier.destroy();
      conn.ref(); // this waits for it, the barrier no longer does
      await closed.promise;
    },
  });
}

for (const kind of CONNECTIONS) {
  Deno.test(`Barrier.over() ${kind} goes both ways`, async () => {
    const [near, far] = await connect(kind);
    await using parent = over(near);
    await using child = over(far, "child");
    for (let round = 1; round <= 3; round++) {
      parent.place(`parent ${round}`);
      child.place(`child ${round}`);
      assertEquals(
        await Promise.all([parent.sync(), child.sync()]),
        [true, true],
      );
      assertEquals(parent.note, `child ${round}`);
      assertEquals(child.note, `parent ${round}`);
    }
    child.place();
    assert(await parent.waitNext());
    parent.place();
    parent.place();
    child.place();
    assert(await parent.syncNext());
  });

  Deno.test(`Barrier.abort() arrives over ${kind}`, async () => {
    const [near, far] = await connect(kind);
    await using parent = over(near);
    await using child = over(far, "child");
    const wait = child.waitNext();
    parent.abort("no longer needed");
    assertFalse(await wait);
    assert(child.theyAborted);
    const { reason } = child.signal;
    assertInstanceOf(reason, BarrierAbortedError);
    assertEquals(
      reason.message,
      "Barrier aborted by the peer: no longer needed",
    );
    child.abort();
    assertFalse(await parent.waitAbortion());
    assert(parent.weAborted);
  });

  Deno.test(`Barrier.destroy() over ${kind} hangs up after 1,000 barriers`, async () => {
    const [near, far] = await connect(kind);
    await using parent = over(near);
    await using child = over(far, "child");
    for (let i = 0; i < 1_000; i++) parent.place();
    parent.destroy();
    for (let i = 0; i < 1_000; i++) child.place();
    assert(await child.sync());
    assertFalse(await child.waitNext());
    assert(child.theyAborted);
    assertEquals(child.signal.reason.message, HUNG_UP);
  });

  test(`Barrier.waitNext() over ${kind} takes what had arrived when writing fails`, async () => {
    const [near, far] = await connect(kind);
    await using barrier = over(near);
    using peer = far;
    await peer.write(encoder.encode("\n+last\n"));
    peer.close();
    for (let i = 0; i < 10; i++) barrier.place();
    assert(await barrier.waitNext());
    assertEquals(barrier.note, "last");
    assertFalse(await barrier.waitNext());
  });

  Deno.test(`Barrier.over() ${kind} takes a reset connection for a hang-up`, async () => {
    const [near, far] = await connect(kind);
    await using barrier = over(near);
    using peer = far;
    barrier.place("a note that the peer does not read to its end");
    await peer.read(new Uint8Array(1));
    peer.close();
    assertFalse(await barrier.waitNext());
    const { kind: end, message, cause } = barrier.signal.reason;
    assertEquals(end, "closed");
    // Deno may report the end of the stream, and not how it came.
    if (message !== HUNG_UP) {
      assertInstanceOf(cause, Deno.errors.ConnectionReset);
      assertEquals(message, `Peer hung up: ${cause.message}`);
    }
  });

  Deno.test(`Barrier.over() ${kind} drops half a line before the end`, async () => {
    const [near, far] = await connect(kind);
    await using barrier = over(near);
    using peer = far;
    await peer.write(encoder.encode("\n+half a li"));
    peer.close();
    assert(await barrier.waitNext());
    assertFalse(await barrier.waitNext());
    assertEquals(barrier.note, undefined);
    assertEquals(barrier.signal.reason.message, HUNG_UP);
  });

  Deno.test(`Barrier.over() ${kind} aborts on both sides on what is not the protocol`, async () => {
    const [near, far] = await connect(kind);
    await using barrier = over(near);
    using peer = far;
    await peer.write(encoder.encode("hello\n"));
    assertFalse(await barrier.waitNext());
    assert(barrier.weAborted);
    const { message } = barrier.signal.reason;
    assertStringIncludes(message, 'Cannot read "hello" from the peer');
    const buffer = new Uint8Array(1_000);
    const length = await peer.read(buffer);
    assert(length !== null);
    assertStringIncludes(
      decoder.decode(buffer.subarray(0, length)),
      'abort Cannot read "hello" from the peer',
    );
  });

  Deno.test(`Barrier.over() ${kind} that the user closes is a hang-up`, async () => {
    const [near, far] = await connect(kind);
    await using barrier = over(near);
    using _peer = far;
    const wait = barrier.waitNext();
    near.close();
    assertFalse(await wait);
    assertFalse(barrier.place());
  });
}

Deno.test("Barrier.over() TCP lets the process leave when no wait is pending", async () => {
  const hostname = "127.0.0.1";
  using listener = Deno.listen({ hostname, port: 0 });
  const output = runBarrierOver("tcp", String(listener.addr.port));
  await using barrier = over(await listener.accept());
  for (let round = 1; round <= 3; round++) {
    assert(await barrier.waitNext()); // the child waits, with nothing else to do
    barrier.place(`round ${round}`);
  }
  assertFalse(await barrier.waitNext());
  assertEquals(await output, {
    code: 0,
    stdout: "true round 1\ntrue round 2\ntrue round 3\n",
    stderr: "",
  });
});

test("Barrier.over() TCP sees a hang-up when the peer's process is killed", async () => {
  const hostname = "127.0.0.1";
  using listener = Deno.listen({ hostname, port: 0 });
  await using child = start(barrierProgram(
    `
    const port = Number(Deno.args[0]);
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const barrier = Barrier.over(conn, { role: "child" });
    barrier.place();
    await barrier.waitNext();
    `,
    String(listener.addr.port),
  ));
  await using barrier = over(await listener.accept());
  assert(await barrier.waitNext());
  child.kill("SIGKILL");
  assertFalse(await barrier.waitNext());
  await Promise.all([
    child.stdin.close(),
    child.stdout.cancel(),
    child.stderr.cancel(),
  ]);
});
