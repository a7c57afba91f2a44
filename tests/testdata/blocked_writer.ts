// Copyright 2026 the @ipc/barrier authors. MIT license.

// Observes a process that writes more than anybody reads. Linux alone.

const MEBIBYTE = 1024 * 1024;

/**
 * Waits until a process has written 15 MiB and then cannot write any more, or
 * has exited.
 *
 * @returns How many bytes it has written.
 */
export async function untilBlocked(pid: number): Promise<number> {
  let written = 0;
  // A reader that is only slow lets it write on between two looks.
  for (let unchanged = 0; unchanged < 30; unchanged++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    const state = read(`/proc/${pid}/stat`, /\) (\S)/);
    if (state === undefined || state === "Z") break;
    const now = Number(read(`/proc/${pid}/io`, /^wchar: (\d+)$/m) ?? written);
    if (now !== written || now < 15 * MEBIBYTE || state !== "S") unchanged = 0;
    written = now;
  }
  return written;
}

function read(path: string, pattern: RegExp): string | undefined {
  try {
    return pattern.exec(Deno.readTextFileSync(path))?.[1];
  } catch {
    return undefined; // it has exited
  }
}
