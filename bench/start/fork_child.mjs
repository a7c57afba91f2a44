// Copyright 2026 the @ipc/barrier authors. MIT license.

globalThis.process.on("message", () => {}); // stays until the parent ends it
globalThis.process.send(0);
