// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Looks for a program that tests need, and says so where it is not there.
 *
 * @param program Its name.
 * @returns Whether it is installed.
 */
export function isInstalled(program: string): boolean {
  // Where there is no Node, Deno puts itself in its place.
  const script = program === "node"
    ? "node -e 'process.exit(process.versions.deno ? 1 : 0)'"
    : 'command -v "$1"';
  const { success } = new Deno.Command("sh", {
    args: ["-c", script, "sh", program],
    stdout: "null",
    stderr: "null",
  }).outputSync();
  if (!success) console.log(`Ignoring tests: ${program} is not installed`);
  return success;
}
