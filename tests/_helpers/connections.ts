// Copyright 2026 the @ipc/barrier authors. MIT license.

import { TempDir } from "./temp_dir.ts";
import { IS_UNIX } from "./unix.ts";

type Connection = "TCP" | "a Unix socket";

/** The kinds of connection that Deno has here. */
export const CONNECTIONS: readonly Connection[] = IS_UNIX
  ? ["TCP", "a Unix socket"]
  : ["TCP"];

/** Makes a connection, both ends of it here. */
export async function connect(
  kind: Connection,
): Promise<[Deno.Conn, Deno.Conn]> {
  if (kind === "TCP") {
    const hostname = "127.0.0.1";
    using listener = Deno.listen({ hostname, port: 0 });
    const { port } = listener.addr;
    return await Promise.all([
      Deno.connect({ hostname, port }),
      listener.accept(),
    ]);
  }
  await using directory = await TempDir.make();
  const path = `${directory.path}/socket`;
  using listener = Deno.listen({ transport: "unix", path });
  return await Promise.all([
    Deno.connect({ transport: "unix", path }),
    listener.accept(),
  ]);
}
