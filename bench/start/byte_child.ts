// Copyright 2026 the @ipc/barrier authors. MIT license.

Deno.stdout.writeSync(new Uint8Array(1));
await Deno.stdin.read(new Uint8Array(1)); // until the parent ends it
