// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Barriers with a program on another machine, over OpenSSH. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
} from "@std/assert";
import { BarrierAbortedError, spawnWithBarrier } from "../mod.ts";
import { HAS_PRELOAD, isInstalled } from "./_helpers/programs.ts";
import { type CommandLine, run } from "./_helpers/run.ts";
import {
  childModule,
  json,
  readUntil,
  startParent,
} from "./_helpers/scripts.ts";
import { SSHD, Sshd } from "./_helpers/sshd.ts";

const test = isInstalled(SSHD) ? Deno.test : Deno.test.ignore;

/** A child module on the other machine, which can report without ssh. */
class Remote implements Disposable {
  readonly command: CommandLine;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

  constructor(server: Sshd, body: string) {
    const address = JSON.stringify(this.#listener.addr);
    const module = childModule(
      "stdio",
      `
      const connection = await Deno.connect(${address});
      const tell = (...words) =>
        connection.write(new TextEncoder().encode(words.join(" ")));
      ${body}
      `,
    );
    const flags = ["--no-config", "--allow-net=127.0.0.1", "--allow-run"];
    this.command = server.command("deno", "run", ...flags, module);
  }

  /** All that the module reported, once its process has exited. */
  async told(): Promise<string> {
    const connection = await this.#listener.accept();
    return await new Response(connection.readable).text();
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }
}

test("Barrier.sync() carries notes both ways over ssh", async () => {
  await using server = await Sshd.start();
  using remote = new Remote(
    server,
    `
    barrier.place("from there");
    await tell(await barrier.sync(), barrier.note);
    `,
  );
  await using child = spawnWithBarrier(remote.command, { channel: "stdio" });
  child.place("from here");
  assert(await child.sync());
  assertEquals(child.note, "from there");
  assertEquals(await remote.told(), "true from here");
  assertEquals((await child.status).code, 0);
});

test("Barrier.abort() in a child over ssh gives the parent its reason", async () => {
  await using server = await Sshd.start();
  using remote = new Remote(server, "barrier.abort('disk full');");
  await using child = spawnWithBarrier(remote.command, { channel: "stdio" });
  assert(await child.waitAbortion());
  const { reason } = child.signal;
  assertInstanceOf(reason, BarrierAbortedError);
  assertEquals(reason.side, "peer");
  assertEquals(reason.message, "Barrier aborted by the peer: disk full");
  assertEquals(await remote.told(), "");
});

test("Barrier.abort() in a parent gives a child over ssh its reason", async () => {
  await using server = await Sshd.start();
  using remote = new Remote(
    server,
    "await tell(await barrier.waitNext(), barrier.signal.reason.message);",
  );
  await using child = spawnWithBarrier(remote.command, { channel: "stdio" });
  assert(child.abort("disk full"));
  assertEquals(
    await remote.told(),
    "false Barrier aborted by the peer: disk full",
  );
  assertFalse(await child.waitAbortion()); // it left, and this side aborted too
});

test("Barrier.sync() over ssh takes what a child placed, and fails once it is killed", async () => {
  await using server = await Sshd.start();
  using remote = new Remote(
    server,
    `
    barrier.place("last");
    Deno.kill(Deno.pid, "SIGKILL");
    `,
  );
  await using child = spawnWithBarrier(remote.command, { channel: "stdio" });
  assert(await child.placeAndSync());
  assertEquals(child.note, "last");
  assertFalse(await child.placeAndSync());
  assert(child.theyAborted);
  // It is how ssh says that there is no exit code.
  assertEquals(
    child.signal.reason.message,
    `Child process ${child.pid} (ssh) exited with code 255`,
  );
  assertEquals(await remote.told(), "");
});

test("Barrier.waitNext() over ssh resolves to false on both sides when the link is cut", async () => {
  await using server = await Sshd.start();
  using remote = new Remote(
    server,
    `
    barrier.place(String(Deno.ppid)); // sshd's process for this connection
    await tell(await barrier.waitNext(), barrier.theyAborted);
    `,
  );
  await using child = spawnWithBarrier(remote.command, {
    channel: "stdio",
    stderr: "null", // where ssh reports it
  });
  assert(await child.waitNext());
  Deno.kill(Number(child.note), "SIGKILL");
  assertFalse(await child.waitNext());
  assert(child.theyAborted);
  assertEquals((await child.status).code, 255);
  assertEquals(await remote.told(), "false true");
});

test("Barrier.sync() over ssh resolves to false in a child whose parent was killed", async () => {
  await using server = await Sshd.start();
  using remote = new Remote(
    server,
    `
    barrier.place();
    await tell(await barrier.sync(), barrier.theyAborted);
    `,
  );
  const parent = startParent(`
    const command = ${json(remote.command)};
    const child = spawnWithBarrier(command, { channel: "stdio" });
    console.log(await child.waitNext());
    await child.waitNext();
  `);
  const reader = parent.stdout.getReader();
  assertEquals(await readUntil(reader, "\n"), "true\n");
  parent.kill("SIGKILL");
  await parent.status;
  assertEquals(await remote.told(), "false true");
  // It ends when ssh, which holds it as well, has left like the child.
  assertEquals(await new Response(parent.stderr).text(), "");
  await reader.cancel();
  await parent.stdin.close();
});

test("BarrierProcess.stop() over ssh stops the child, though only ssh gets the signal", async () => {
  await using server = await Sshd.start();
  using remote = new Remote(
    server,
    "barrier.place(); await tell(await barrier.sync());",
  );
  {
    await using child = spawnWithBarrier(remote.command, { channel: "stdio" });
    assert(await child.waitNext());
  }
  assertEquals(await remote.told(), "false");
});

(HAS_PRELOAD ? Deno.test.ignore : test)(
  "examples/remote.ts freezes a database on another machine, and thaws it",
  async () => {
    await using server = await Sshd.start();
    const path = `${import.meta.dirname}/../examples/remote.ts`;
    const flags = ["--allow-run=ssh", "--allow-env"];
    const { code, stdout, stderr } = await run(
      [
        Deno.execPath(),
        "run",
        ...flags,
        path,
        "remote",
        path,
        ...server.options,
      ],
    );
    assertEquals(stderr, "");
    assertEquals(
      stdout,
      `\
child: freezing
Frozen: 42 writes are waiting
Copying the disk
child: thawing, all is well
Thawed: 42 writes were made
The child has left with exit code 0
`,
    );
    assertEquals(code, 0);
  },
);
