// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Runs `deno` with the given arguments, and with the real `@std` where JSR
 * answers. Elsewhere the adapters in `tests/offline` take its place.
 *
 * @module
 */

async function jsrAnswers(): Promise<boolean> {
  const jsr = Deno.env.get("JSR_URL") ?? "https://jsr.io";
  try {
    const response = await fetch(new URL("/@std/assert/meta.json", jsr), {
      signal: AbortSignal.timeout(3_000),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Prints which `@std` is used, and returns the flags that choose it. */
export async function stdFlags(): Promise<string[]> {
  if (await jsrAnswers()) {
    console.log("Using @std from JSR");
    return [];
  }
  console.log("Using tests/offline in place of @std, as JSR does not answer");
  const map = new URL("../tests/offline/import_map.json", import.meta.url);
  return [`--import-map=${map}`];
}

if (import.meta.main) {
  const [subcommand, ...rest] = Deno.args;
  if (subcommand === undefined) {
    console.error("Cannot run deno: the arguments are missing");
    Deno.exit(2);
  }
  const args = [subcommand, ...await stdFlags(), ...rest];
  const { code } = await new Deno.Command(Deno.execPath(), { args }).spawn()
    .status;
  Deno.exit(code);
}
