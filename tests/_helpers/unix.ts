// Copyright 2026 the @ipc/barrier authors. MIT license.

import { isInstalled } from "./programs.ts";

/**
 * Whether this is a system like Unix: with a shell, signals and named pipes, and
 * with programs that inherit any descriptor of their parent's.
 */
export const IS_UNIX: boolean = Deno.build.os !== "windows" &&
  isInstalled("sh");
if (Deno.build.os === "windows") {
  console.log("Ignoring tests: Windows has no signals and no descriptor 3");
}

/** Defines a test for such a system, which is ignored elsewhere. */
export function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, ignore: !IS_UNIX, fn });
}
