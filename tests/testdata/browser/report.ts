// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Reports to the test what something has resolved to, or its error. */
export async function report(
  name: string,
  run: () => unknown,
): Promise<void> {
  let result: unknown;
  try {
    result = await run();
  } catch (error) {
    result = String(error);
  }
  const body = JSON.stringify({ [name]: result ?? null });
  await fetch("/reports", { method: "POST", body });
}
