// Copyright 2026 the @ipc/barrier authors. MIT license.

// A child over "stdio" that prints, as a module it imports and a helper do.

import "data:text/javascript,console.log('imported');";
import { inheritBarrier } from "../../inherit.ts";

const barrier = await inheritBarrier({ channel: "stdio" });
const args = ["-c", "printf 'helper\\nab'"];
await new Deno.Command("sh", { args, stdout: "inherit" }).spawn().status;
barrier.place("half a line before");
console.log("c");
barrier.place("done");
