// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Defines the tests of the files that are its arguments, as paths from the root.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url);

for (const path of Deno.args) await import(new URL(path, ROOT).href);
