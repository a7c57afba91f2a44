// Copyright 2026 the @ipc/barrier authors. MIT license.

/* How the values of options are read. */

import { builtin } from "../runtime/builtin.ts";
import { invalid } from "./errors.ts";

/**
 * Returns a function that reads the properties of an object, including getters
 * and those of its class. Properties of `Object.prototype` are ignored.
 */
export function reader(object: object): (name: string) => unknown {
  return (name) => {
    let owner: object | null = object;
    while (owner !== null && !Object.hasOwn(owner, name)) {
      owner = Object.getPrototypeOf(owner);
    }
    return owner === null || owner === Object.prototype
      ? undefined
      : Reflect.get(object, name);
  };
}

/**
 * Converts a file URL to a path.
 *
 * @param what What the URL is given as, for the error.
 */
export function filePath(what: string, url: URL): string {
  if (url.protocol !== "file:") {
    throw invalid(`${what} must be a file URL`, url.protocol);
  }
  try {
    return builtin<typeof import("node:url")>("node:url").fileURLToPath(url);
  } catch {
    throw invalid(
      `${what} must be a file URL without a host or an encoded slash`,
      url.href,
    );
  }
}

/**
 * Whether a value has named properties. Arrays and maps do not count, although some
 * other libraries accept them for the same purpose.
 */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    !(Symbol.iterator in value);
}
