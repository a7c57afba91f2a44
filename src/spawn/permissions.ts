// Copyright 2026 the @ipc/barrier authors. MIT license.

/* The permissions of a module, as flags of Deno. */

import { invalid } from "./errors.ts";
import { filePath, isRecord, reader } from "./values.ts";

/** The kinds of permission that Deno has a flag for. */
const KINDS = [
  "env",
  "ffi",
  "import",
  "net",
  "read",
  "run",
  "sys",
  "write",
] as const;

type Kind = typeof KINDS[number];

/**
 * Checks the option `permissions`, and spells it as flags.
 *
 * @throws {TypeError} If it is not valid, or grants what this process does not
 * have.
 */
export function permissionFlags(permissions: unknown): readonly string[] {
  if (permissions === "all") return ["--allow-all"];
  // A child that somebody waits for must not wait for an answer to a prompt.
  const flags = ["--no-prompt"];
  if (permissions === undefined || permissions === "none") return flags;
  if (!isRecord(permissions)) {
    throw invalid(
      `'permissions' must be "none", "all" or an object such as { net: true }`,
      permissions,
    );
  }
  const unknown = Object.keys(permissions).find((name) =>
    KINDS.every((kind) => kind !== name)
  );
  if (unknown !== undefined) {
    throw invalid(
      `'permissions' must name kinds of permission (${KINDS.join(", ")})`,
      unknown,
    );
  }
  const permission = reader(permissions);
  return [
    ...flags,
    ...KINDS.flatMap((kind) => kindFlags(kind, permission(kind))),
  ];
}

function kindFlags(kind: Kind, value: unknown): string[] {
  if (value === true) return [`--allow-${kind}`];
  if (value === false || value === undefined) return [];
  if (value === "inherit") return [inheritedFlag(kind)];
  if (!Array.isArray(value)) {
    throw invalid(
      `the permission "${kind}" must be a boolean, an array or "inherit"`,
      value,
    );
  }
  const items = Array.from(value, (item: unknown) => listItem(kind, item));
  return items.length === 0 ? [] : [`--allow-${kind}=${items.join(",")}`];
}

function inheritedFlag(name: Kind): string {
  const { state, partial } = Deno.permissions.querySync({ name });
  if (state !== "granted" || partial) {
    throw new TypeError(
      `Cannot spawn a child: it cannot inherit the permission "${name}", which this process does not have in full; list the values to grant instead`,
    );
  }
  return `--allow-${name}`;
}

/** Spells a value for a list. Deno has no way to write a value with a comma. */
function listItem(kind: Kind, item: unknown): string {
  if (typeof item !== "string" && !(item instanceof URL)) {
    throw invalid(`the permission "${kind}" must list strings or URLs`, item);
  }
  const text = item instanceof URL && item.protocol === "file:"
    ? filePath(`the permission "${kind}"`, item)
    : String(item);
  if (text === "" || /[,\0]/.test(text)) {
    throw invalid(
      `the permission "${kind}" must list values that are not empty and have no comma or null character`,
      text,
    );
  }
  return text;
}
