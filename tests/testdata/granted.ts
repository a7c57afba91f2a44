// Copyright 2026 the @ipc/barrier authors. MIT license.

// A child that places a barrier with the permissions it has.

import { inheritBarrier } from "../../inherit.ts";

const barrier = await inheritBarrier({ channel: "fd" });
const query = (descriptor: Deno.PermissionDescriptor) =>
  Deno.permissions.querySync(descriptor).state === "granted";
const kinds = ["env", "ffi", "net", "read", "run", "sys", "write"] as const;
const words = [
  ...kinds.filter((name) => query({ name })),
  query({ name: "read", path: "/tmp/a b" }) ? "/tmp/a b" : "",
  query({ name: "net", host: "localhost:80" }) ? "localhost:80" : "",
];
barrier.place(words.filter((word) => word).join(" "));
