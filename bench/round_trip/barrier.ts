// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * Round trips of a barrier, both sides of it. Arguments: the way ("step" or
 * "strict"), what carries it ("fd", "stdio", "conn").
 */

import { Barrier, inheritBarrier, spawnWithBarrier } from "@ipc/barrier";
import { serveRoundTrips } from "../serve.mjs";

const [way, carrier, address] = Deno.args as [string, string, string?];

if (Deno.env.has("BARRIER_CHANNEL")) {
  using barrier = await inheritBarrier();
  await answer(barrier);
} else if (address !== undefined) {
  const conn = await Deno.connect({ transport: "unix", path: address });
  using barrier = Barrier.over(conn, { role: "child" });
  await answer(barrier);
} else {
  const barrier = carrier === "conn"
    ? await acceptChild()
    : spawnWithBarrier(import.meta.url, {
      args: [way],
      permissions: "all",
      ...(carrier === "fd" ? { stdin: "null" } : { channel: "stdio" }),
    });
  await serveRoundTrips(
    way === "step" ? () => barrier.placeAndSync() : () => {
      barrier.place();
      return barrier.waitNext();
    },
  );
}

async function answer(barrier: Barrier): Promise<void> {
  if (way === "step") { while (await barrier.placeAndSync()); }
  else while (await barrier.waitNext()) barrier.place();
}

async function acceptChild(): Promise<Barrier> {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/socket`;
  using listener = Deno.listen({ transport: "unix", path });
  new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", import.meta.url, way, carrier, path],
    stdin: "null",
  }).spawn();
  const conn = await listener.accept();
  await Deno.remove(directory, { recursive: true });
  return Barrier.over(conn);
}
