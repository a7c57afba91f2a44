// Copyright 2026 the @ipc/barrier authors. MIT license.

/* Messages of what fails in a spawn. */

import { cut } from "../barrier/lines.ts";

/** How many characters of a bad value an error shows. */
const VALUE_MAX = 200;

/**
 * Makes the error for an option that is not valid.
 *
 * @param expected What is wrong: "'uid' must be an integer".
 * @param hint What to do about it.
 */
export function invalid(
  expected: string,
  value: unknown,
  hint?: string,
): TypeError {
  return invalidSecret(expected, shownWithoutSecrets(value), hint);
}

/** Makes the error for an option whose value must not be shown. */
export function invalidSecret(
  expected: string,
  received: string,
  hint?: string,
): TypeError {
  const more = hint === undefined ? "" : `; ${hint}`;
  return new TypeError(
    `Cannot spawn a child: ${expected}, received ${received}${more}`,
  );
}

/**
 * Formats a value for an error message: a primitive value, a URL without its
 * user, or the kind of any other object, whose contents may be secret.
 */
export function shownWithoutSecrets(value: unknown): string {
  if (value instanceof URL) return shownWithoutSecrets(value.href);
  if (Object(value) === value) return kindOf(value);
  const text = Deno.inspect(value).slice(0, 4 * VALUE_MAX);
  return cut(withoutUser(text), VALUE_MAX);
}

/** Names the kind of a value, which may be secret. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "function") return "a function";
  if (value === undefined || value === null) return String(value);
  if (typeof value !== "object") return `a value of type ${typeof value}`;
  const kind = className(value);
  return kind === "Object" ? "an object" : `an instance of ${cut(kind, 40)}`;
}

function className(value: object): string {
  try {
    return Object.prototype.toString.call(value).slice("[object ".length, -1);
  } catch {
    return "Object"; // a getter of its own has thrown
  }
}

/** Removes user and password from URLs in a text. */
function withoutUser(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:[/\\]*)[^\s/\\?#]*@/gi, "$1");
}
