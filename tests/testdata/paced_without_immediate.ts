// Copyright 2026 the @ipc/barrier authors. MIT license.

// Prints the number of waits in which a flood of barriers arrives. There is no
// setImmediate() when the library is loaded. The argument is the number of barriers.

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
