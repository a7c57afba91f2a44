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

/** Whether a process runs that has a text among its arguments. */
export async function isRunning(text: string): Promise<boolean> {
  return (await running(text)).length > 0;
}

/** Resolves when no process has a text among its arguments any more. */
export async function allGone(text: string): Promise<void> {
  while (await isRunning(text)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
