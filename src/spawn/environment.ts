// Copyright 2026 the @ipc/barrier authors. MIT license.

/* The environment variables of a child. */

import { cut } from "../barrier/lines.ts";
import { CHANNEL_VARIABLE, STATE_VARIABLE } from "../channels/environment.ts";
import { invalidSecret, kindOf, shownWithoutSecrets } from "./errors.ts";
import { isRecord } from "./values.ts";

/** How many characters of a variable's name an error shows. */
const NAME_MAX = 60;

/**
 * Checks the option `env`, and makes the child's whole environment.
 *
 * @param env The value of the option.
 * @param isCleared Whether the child gets nothing of this process's environment.
 * @param channel What the child finds in `BARRIER_CHANNEL`.
 * @throws {TypeError} If the option is not valid.
 */
export function childEnvironment(
  env: unknown,
  isCleared: boolean,
  channel: string,
): Readonly<Record<string, string>> {
  if (env !== undefined && !isRecord(env)) {
    throw invalidSecret(
      `'env' must be an object such as { NAME: "value" }`,
      kindOf(env),
    );
  }
  const variables = new Map<string, [name: string, value: string]>();
  const set = (name: string, value: string) =>
    variables.set(variableKey(name), [name, value]);
  if (!isCleared) {
    for (const [name, value] of Object.entries(Deno.env.toObject())) {
      // If it is set, it is the counter of this process.
      if (name !== STATE_VARIABLE) set(name, value);
    }
  }
  for (const [name, value] of Object.entries(env ?? {})) {
    checkVariable(name, value);
    set(name, value);
  }
  set(CHANNEL_VARIABLE, channel);
  return Object.fromEntries(variables.values());
}

function checkVariable(name: string, value: unknown): asserts value is string {
  if (name === "" || /[=\0]/.test(name)) {
    throw invalidSecret(
      "the names in 'env' must not be empty, nor contain '=' or null characters",
      // What follows a '=' is most likely a value.
      name.includes("=") ? "one with '='" : shownWithoutSecrets(name),
    );
  }
  // The value itself may be secret.
  const expected = `the variable "${cut(name, NAME_MAX)}" in 'env' must be`;
  if (typeof value !== "string") {
    throw invalidSecret(`${expected} a string`, kindOf(value));
  }
  if (value.includes("\0")) {
    throw invalidSecret(
      `${expected} without null characters`,
      `one at index ${value.indexOf("\0")}`,
    );
  }
}

/** On Windows, variables that differ only in case are one. */
function variableKey(name: string): string {
  return Deno.build.os === "windows" ? name.toUpperCase() : name;
}
