// Copyright 2026 the @ipc/barrier authors. MIT license.

// Writes the lines of tests/runtime/standard_output_test.ts, and reports on
// stderr how often Deno's stdout was used: `deno run standard_output.ts <count>`.

import { writeWhole } from "../../src/runtime/standard_output.ts";

const { stdout } = Deno;
const { write } = stdout;
let writes = 0;
stdout.write = (bytes) => {
  writes++;
  return write.call(stdout, bytes);
};
const lines = `${"x".repeat(99)}\n`.repeat(Number(Deno.args[0]));
await writeWhole(stdout, new TextEncoder().encode(lines));
console.error(writes);
