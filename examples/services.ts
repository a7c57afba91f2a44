// Copyright 2026 the @ipc/barrier authors. MIT license.

// A development environment: Redis, PostgreSQL with a cluster of its own, and a
// server that uses both. It runs until Ctrl-C, or until one of them exits. Then
// they stop in reverse order, and nothing of them is left.
//
//     deno run --allow-all examples/services.ts

import { inheritBarrier, runMain, spawnWithBarrier } from "@ipc/barrier";

if (Deno.args[0] === "server") await serve(Deno.args[1]!);
else await runMain(main);

async function main(signal: AbortSignal): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    // PostgreSQL refuses to run as root.
    const [uid, gid] = Deno.uid() === 0 ? [65534, 65534] : [];
    await Deno.chown(path, uid ?? null, gid ?? null);
    const options = {
      ...{ uid, gid, cwd: path },
      processGroup: true, // so that a terminal's Ctrl-C reaches only this script
      stdout: "errorTail",
      stderr: "errorTail",
    } as const;

    const postgres = await findPostgres();
    await using initdb = spawnWithBarrier(
      [`${postgres}/initdb`, "--no-sync", "-A", "trust", "-D", "data"],
      options,
    );
    await initdb.finished({ signal });
    await using database = spawnWithBarrier(
      [`${postgres}/postgres`, "-D", "data", "-k", path, "-h", "", "-F"],
      {
        ...options,
        readyLine: /ready to accept connections/,
        stopSignal: "SIGINT", // closes the connections that are open
      },
    );
    await using redis = spawnWithBarrier(
      ["redis-server", "--port", "0", "--unixsocket", "redis", "--save", ""],
      { ...options, readyUrl: `unix://${path}/redis` },
    );
    await Promise.all([database.ready({ signal }), redis.ready({ signal })]);
    console.log("Redis and PostgreSQL are ready");

    await using server = spawnWithBarrier(import.meta.url, {
      args: ["server", path],
      permissions: { net: true, read: [path], write: [path] },
      processGroup: true,
    });
    const url = `http://127.0.0.1:${await server.ready({ signal })}/`;
    console.log("The server is ready at", url);
    console.log(await (await fetch(url, { signal })).text());
    await Promise.race(
      [server, redis, database].map((child) => child.finished({ signal })),
    );
  } finally {
    await Deno.remove(path, { recursive: true });
    console.log("All have stopped");
  }
}

/** The server is ready once it has reached Redis and PostgreSQL. */
async function serve(path: string): Promise<void> {
  const parent = await inheritBarrier();
  const [redis, database] = await Promise.all(
    ["redis", ".s.PGSQL.5432"].map((name) =>
      Deno.connect({ transport: "unix", path: `${path}/${name}` })
    ),
  );
  const ask = async (conn: Deno.Conn, request: Uint8Array<ArrayBuffer>) => {
    await conn.write(request);
    const answer = new Uint8Array(64);
    const length = await conn.read(answer) ?? 0;
    return new TextDecoder().decode(answer.subarray(0, length)).trim();
  };
  const increment = new TextEncoder().encode("INCR visits\r\n");
  const sslRequest = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);
  const encryption = await ask(database!, sslRequest) === "S" ? "on" : "off";
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => parent.place(`${port}`),
  }, async () => {
    const visits = (await ask(redis!, increment)).slice(1);
    return new Response(`Visit ${visits}, PostgreSQL's SSL is ${encryption}`);
  });
  await parent.waitAbortion();
  await server.shutdown();
}

/** Where Debian and others install the programs that only a server needs. */
async function findPostgres(): Promise<string> {
  for await (const { name } of Deno.readDir("/usr/lib/postgresql")) {
    return `/usr/lib/postgresql/${name}/bin`;
  }
  throw new Deno.errors.NotFound("Cannot find PostgreSQL: install it first");
}
