// Copyright 2026 the @ipc/barrier authors. MIT license.

// A development environment: Redis, PostgreSQL with a cluster of its own, and a
// server that needs both. Nothing of the first two knows of barriers. They start
// side by side, are used when all are ready, and end in reverse order: at the
// end, when one of them fails to start, at Ctrl-C or SIGTERM, and when the
// terminal is closed. Then nothing is left of them.
//
//     deno run --allow-all examples/services.ts

import { inheritBarrier, spawnWithBarrier } from "@ipc/barrier";

const stop = new AbortController();
const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
for (const [name, code] of Object.entries(signals)) {
  Deno.addSignalListener(name as Deno.Signal, () => {
    Deno.exitCode = code;
    stop.abort(new Error(`Stopped by ${name}`));
  });
}

/** What all services are started with: a terminal's Ctrl-C is not for them. */
const OWN_GROUP = { processGroup: true, stdout: "null" } as const;

async function main(): Promise<void> {
  await using directory = await TempDir.make();
  const { path, user } = directory;
  const postgres = await findPostgres();
  const { signal } = stop;
  {
    await using initdb = spawnWithBarrier(
      [`${postgres}/initdb`, "--no-sync", "-A", "trust", `${path}/data`],
      { ...OWN_GROUP, ...user, cwd: path, signal },
    );
    const { success } = await initdb.status;
    signal.throwIfAborted();
    if (!success) throw new Error("Cannot make a cluster: initdb failed");
  }

  await using redis = spawnWithBarrier(
    [
      "redis-server",
      "--port",
      "0",
      "--unixsocket",
      `${path}/redis`,
      "--save",
      "",
    ],
    {
      ...OWN_GROUP,
      ...user,
      cwd: path,
      readyLine: /ready to accept connections/i,
    },
  );
  await using database = spawnWithBarrier(
    [`${postgres}/postgres`, "-D", `${path}/data`, "-k", path, "-h", "", "-F"],
    {
      ...OWN_GROUP,
      ...user,
      cwd: path,
      stderr: "null",
      readyLine: /ready to accept connections/,
      stopSignal: "SIGINT", // closes the connections that are open
    },
  );
  await Promise.all([redis.ready({ signal }), database.ready({ signal })]);
  console.log("Redis and PostgreSQL are ready");

  await using server = spawnWithBarrier(import.meta.url, {
    processGroup: true,
    args: ["server", path],
    permissions: { net: true, read: [path], write: [path] },
  });
  const url = `http://127.0.0.1:${await server.ready({ signal })}/`;
  console.log("The server is ready");
  console.log(await (await fetch(url, { signal })).text());
  if (Deno.args.includes("--stay")) {
    await Promise.race([server.exited, aborted(signal)]);
  }
}

/** The server: it is ready when it has reached both. */
async function serve(path: string): Promise<void> {
  const parent = await inheritBarrier();
  const redis = await Deno.connect({
    transport: "unix",
    path: `${path}/redis`,
  });
  const database = await Deno.connect({
    transport: "unix",
    path: `${path}/.s.PGSQL.5432`,
  });
  const ask = async (conn: Deno.Conn, request: Uint8Array<ArrayBuffer>) => {
    await conn.write(request);
    const answer = new Uint8Array(64);
    const length = await conn.read(answer) ?? 0;
    return new TextDecoder().decode(answer.subarray(0, length)).trim();
  };
  const increment = new TextEncoder().encode("INCR visits\r\n");
  const maySecure = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47); // SSLRequest
  const encrypts = await ask(database, maySecure) === "S";
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => parent.place(String(port)),
  }, async () => {
    const visits = (await ask(redis, increment)).slice(1);
    return new Response(
      `Visit ${visits}, PostgreSQL ${
        encrypts ? "encrypts" : "does not encrypt"
      }`,
    );
  });
  await parent.waitAbortion();
  await server.shutdown();
  Deno.exit();
}

/** A directory that is removed at the end, and whose user is not root. */
class TempDir implements AsyncDisposable {
  readonly path: string;
  /** PostgreSQL refuses to run as root, so that is somebody else there. */
  readonly user = Deno.uid() === 0 ? { uid: 65534, gid: 65534 } : {};

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TempDir> {
    const directory = new TempDir(await Deno.makeTempDir());
    const { uid, gid } = { uid: null, gid: null, ...directory.user };
    await Deno.chown(directory.path, uid, gid);
    return directory;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Where Debian and others keep what only a server needs. */
async function findPostgres(): Promise<string> {
  const versions = "/usr/lib/postgresql";
  for await (const { name } of Deno.readDir(versions)) {
    return `${versions}/${name}/bin`;
  }
  throw new Deno.errors.NotFound("Cannot find PostgreSQL: install it first");
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

if (Deno.args[0] === "server") {
  await serve(Deno.args[1]!);
} else {
  try {
    await main();
    console.log("All have ended");
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    console.log("All have ended:", stop.signal.reason.message);
  }
}
