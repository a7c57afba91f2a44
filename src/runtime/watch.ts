// Copyright 2026 the @ipc/barrier authors. MIT license.

/** How long, in milliseconds, `--watch` waits for a program before a restart. */
const RESTART_GRACE = 500;

/**
 * How long, in milliseconds, after a SIGTERM this program runs on if that was
 * real, and not the announcement of a restart by `deno run --watch`.
 *
 * Before a restart, Deno calls the listeners of SIGTERM without a signal (2.9,
 * denoland/deno#33099), and drops the program after half a second. A program
 * that then really ended by SIGTERM would end the watcher as well. Only the
 * command line of the process shows whether a program is watched, and Deno lets a
 * program read that only with all permissions.
 *
 * Remove when a listener can distinguish a restart from a signal.
 */
export function restartGrace(): number {
  return mayBeWatched() ? RESTART_GRACE + 100 : 0;
}

function mayBeWatched(): boolean {
  if (Deno.build.standalone) return false;
  const path = "/proc/self/cmdline";
  try {
    const { state } = Deno.permissions.querySync({ name: "read", path });
    if (state !== "granted") return true;
    return /\0--(?:watch|hmr)/.test(Deno.readTextFileSync(path));
  } catch {
    return true; // the file does not exist, or the system denies access
  }
}
