// Copyright 2026 the @ipc/barrier authors. MIT license.

// Prints how many waits take a flood of barriers where there is no setImmediate()
// before the library is loaded: `deno run paced_without_immediate.ts <barriers>`.

Reflect.deleteProperty(globalThis, "setImmediate");
const { Barrier } = await import("../../barrier.ts");

const { port1, port2 } = new MessageChannel();
const barrier = Barrier.over(port1);
port2.postMessage("\n".repeat(Number(Deno.args[0])));
port2.postMessage(null);
let waits = 0;
while (await barrier.waitNext()) waits++;
console.log(waits);
export {};
