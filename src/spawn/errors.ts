// Copyright 2026 the @ipc/barrier authors. MIT license.

import { cut } from "../barrier/lines.ts";

/** How many characters of a bad value an error shows. */
const VALUE_MAX = 200;

/** Makes the error for an option that is not valid. */
export function invalid(expected: string, value: unknown): TypeError {
  return new TypeError(
    `Cannot spawn a child: ${expected}, received ${shown(value)}`,
  );
}

/** Formats a value for an error message. */
export function shown(value: unknown): string {
  try {
    return cut(Deno.inspect(value), VALUE_MAX);
  } catch {
    return `a value of type ${typeof value}`;
  }
}
