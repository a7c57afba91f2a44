// Copyright 2026 the @ipc/barrier authors. MIT license.

// A child process serves HTTP on whatever port is free. It places a barrier when it
// is ready, whose note is the port. A barrier from the parent stops it; so does the
// parent's exit.
//
//     deno run --allow-run --allow-env --allow-net=127.0.0.1 examples/server.ts

import { inheritBarrier, spawnWithBarrier } from "@ipc/barrier";

const hostname = "127.0.0.1";

async function parent(): Promise<void> {
  await using server = spawnWithBarrier(import.meta.url, {
    args: ["child"],
    permissions: { net: [hostname] },
  });
  const url = `http://${hostname}:${await server.ready()}/`;
  console.log(`The server is ready at ${url}`);

  const response = await fetch(url);
  console.log(`It says: ${await response.text()}`);

  server.place(); // stop
  const { code } = await server.status;
  console.log(`It has stopped with exit code ${code}`);
}

async function child(): Promise<void> {
  using parent = await inheritBarrier();
  const server = Deno.serve({
    hostname,
    port: 0,
    onListen: ({ port }) => parent.place(String(port)),
  }, () => new Response("Hello"));

  await parent.waitNext(); // the parent says stop, or is gone
  await server.shutdown();
}

if (Deno.args[0] === "child") await child();
else await parent();
