// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What this process has open, if the system lists it. */
export function openDescriptors(): string[] {
  return Deno.build.os === "linux"
    ? Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => name).sort()
    : [];
}
