// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Whether a process runs that has a text among its arguments. Linux alone. */
export async function isRunning(text: string): Promise<boolean> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`)
      .catch(() => "");
    if (line.includes(text)) return true;
  }
  return false;
}

/** Resolves when no process has a text among its arguments any more. */
export async function allGone(text: string): Promise<void> {
  while (await isRunning(text)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
