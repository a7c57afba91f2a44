// Copyright 2026 the @ipc/barrier authors. MIT license.

// What `npm run dev` often is: Vite, a server for its API, and tests that run
// again at each change, in one terminal. It runs until Ctrl-C, or until one of
// them exits, and leaves nothing behind.
//
//     deno run --allow-all examples/dev.ts

import {
  inheritBarrier,
  runMain,
  type SpawnCommandOptions,
  spawnWithBarrier,
} from "@ipc/barrier";

if (Deno.args[0] === "api") await serve();
else await runMain(main);

async function main(signal: AbortSignal): Promise<void> {
  await using api = spawnWithBarrier(import.meta.url, {
    ...labeled("api"),
    args: ["api"],
    permissions: { net: true },
  });
  await using vite = spawnWithBarrier(["npx", "--yes", "vite@7.3.8"], {
    ...labeled("vite"),
    env: { VITE_API: await api.ready({ signal }) ?? "" },
    readyLine: /Local: +(\S+)/,
  });
  await using tests = spawnWithBarrier(
    [Deno.execPath(), "test", "--watch", "--no-clear-screen"],
    labeled("tests"),
  );
  console.log("Open", await vite.ready({ signal }));
  await Promise.race(
    [api, vite, tests].map((child) => child.finished({ signal })),
  );
}

/** Options for a child whose lines begin with its name. */
function labeled(name: string): SpawnCommandOptions {
  const print = (line: string) => console.log(`${name.padEnd(5)} | ${line}`);
  return {
    name,
    cwd: new URL("./site/", import.meta.url),
    stdin: "null",
    stdout: print,
    stderr: print,
    processGroup: true, // npx starts Vite, which starts esbuild
  };
}

async function serve(): Promise<void> {
  const parent = await inheritBarrier();
  const server = Deno.serve(
    {
      port: 0,
      onListen: ({ port }) => parent.place(`http://localhost:${port}/`),
    },
    () =>
      new Response("Vite", { headers: { "access-control-allow-origin": "*" } }),
  );
  await parent.waitAbortion();
  await server.shutdown();
}
