// Copyright 2026 the @ipc/barrier authors. MIT license.

// The device "complete" from chapter 5 of "Linux Device Drivers": whoever reads
// from it waits, and each write lets exactly one reader go.
//
//     deno run examples/device.ts

import { Completion } from "@ipc/barrier/completion";

class Device {
  readonly #completion = new Completion();

  async read(reader: string): Promise<void> {
    console.log(`${reader} goes to sleep`);
    await this.#completion.wait();
    console.log(`${reader} is awake`);
  }

  write(writer: string): void {
    console.log(`${writer} wakes one reader`);
    this.#completion.complete();
  }
}

const device = new Device();

const reads = [
  device.read("reader 1"),
  device.read("reader 2"),
  device.read("reader 3"),
];
for (const read of reads) {
  device.write("writer");
  await read;
}

// A write that finds nobody waiting is kept for the next who comes.
device.write("writer");
await device.read("reader 4");
