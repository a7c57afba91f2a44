// Copyright 2026 the @ipc/barrier authors. MIT license.

// Prints how many timers waits in a loop make. It replaces setInterval() before the
// library is loaded. So it imports that itself.

const { setInterval } = globalThis;
let timers = 0;
Object.assign(globalThis, {
  setInterval(...args: Parameters<typeof setInterval>) {
    timers++;
    return setInterval(...args);
  },
});
const { SharedCompletion } = await import("../../completion.ts");

const completion = new SharedCompletion();
async function round(): Promise<void> {
  const waiting = completion.wait();
  completion.complete();
  await waiting;
}
for (let i = 0; i < 10; i++) await round();
console.log(timers);
export {};
