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

const args = [...Deno.args];
if (await jsrAnswers()) {
  console.log("Using @std from JSR");
} else {
  console.log("Using tests/offline in place of @std, as JSR does not answer");
  const map = new URL("../tests/offline/import_map.json", import.meta.url);
  args.splice(1, 0, `--import-map=${map}`);
}
const { code } = await new Deno.Command(Deno.execPath(), { args }).spawn()
  .status;
Deno.exit(code);
