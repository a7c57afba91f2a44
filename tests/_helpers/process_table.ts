// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The processes that have a text among their arguments. Linux alone. */
export async function running(text: string): Promise<number[]> {
  const pids: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`)
      .catch(() => "");
    if (line.includes(text)) pids.push(Number(name));
  }
  return pids;
}

/** Whether there is a process of that number that has not been reaped. */
export function exists(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch {
    return false;
  }
}

/** Whether a process runs that has a text among its arguments. */
export async function isRunning(text: string): Promise<boolean> {
  return (await running(text)).length > 0;
}

/**
 * The processes that work in a directory. Linux alone. A process that is just
 * executing another program has no arguments for a moment; this it always has.
 */
export async function workingIn(directory: string): Promise<number[]> {
  const path = await Deno.realPath(directory);
  const pids: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const cwd = await Deno.readLink(`/proc/${name}/cwd`).catch(() => "");
    if (cwd === path) pids.push(Number(name));
  }
  return pids;
}

/**
 * Resolves when there are no such processes any more.
 *
 * @param pause How long, in milliseconds, to wait before it looks again.
 */
export async function allGone(
  find: () => Promise<number[]>,
  pause = 10,
): Promise<void> {
  while ((await find()).length > 0) {
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
