// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Returns a port on which nobody listens. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
