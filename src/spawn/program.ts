// Copyright 2026 the @ipc/barrier authors. MIT license.

/* What is spawned: a command, or a Deno module. */

import { cut } from "../barrier/lines.ts";
import {
  invalid,
  invalidSecret,
  kindOf,
  shownWithoutSecrets,
} from "./errors.ts";
import { permissionFlags } from "./permissions.ts";

/** A program with its own arguments. */
export interface CommandProgram {
  readonly kind: "command";
  readonly words: readonly string[];
}

/** A Deno module. */
export interface ModuleProgram {
  readonly kind: "module";
  /** A path or a URL. */
  readonly specifier: string;
  readonly flags: readonly string[];
}

/** How many characters of a program's name an error shows. */
export const NAME_MAX: number = 40;

/**
 * Checks what is spawned, and what applies to a module alone.
 *
 * @throws {TypeError} If it is not valid.
 */
export function programOf(
  target: unknown,
  permissions: unknown,
  denoArgs: unknown,
): CommandProgram | ModuleProgram {
  if (Array.isArray(target)) {
    const words = strings("the command", target);
    if (!words[0]) throw invalid("the command must not be empty", words[0]);
    if (permissions !== undefined || denoArgs !== undefined) {
      throw new TypeError(
        `Cannot spawn "${
          shortName(words[0])
        }": 'permissions' and 'denoArgs' are for a Deno module, received a command`,
      );
    }
    return { kind: "command", words };
  }
  return {
    kind: "module",
    specifier: moduleSpecifier(target),
    flags: [
      ...permissionFlags(permissions),
      ...strings("denoArgs", denoArgs),
    ],
  };
}

function moduleSpecifier(target: unknown): string {
  if (typeof target !== "string" && !(target instanceof URL)) {
    throw invalid(
      "the target must be a string, a URL or an array of strings",
      target,
    );
  }
  const specifier = String(target);
  if (specifier === "") throw invalid("the module must not be empty", target);
  if (specifier.includes("\0")) {
    throw invalid("the module must not contain null characters", target);
  }
  if (isCommandLine(specifier)) {
    // The rest may be secret.
    const program = shownWithoutSecrets(specifier.trim().split(/\s/, 1)[0]);
    throw invalidSecret(
      "a command must be an array of strings",
      "a string with spaces",
      `write [${program}, ...] with each argument as an item, or end the name of a module in .ts or .js`,
    );
  }
  if (Deno.build.standalone) {
    throw new TypeError(
      `Cannot spawn "${
        shortName(specifier)
      }": a compiled program cannot run modules; spawn ["deno", "run", ...] instead`,
    );
  }
  return isUrl(specifier) || /^(?:[/\\]|[a-z]:[/\\])/i.test(specifier)
    ? specifier
    // Spelled so that it can be nothing but a path.
    : `./${specifier}`;
}

/** Whether a string is most likely a command with arguments, and not a module. */
function isCommandLine(specifier: string): boolean {
  return !isUrl(specifier) && /\s/.test(specifier) &&
    !/\.(?:[cm]?[jt]sx?|wasm)$/.test(specifier);
}

/** Whether a module is named by a URL. One letter is a drive of Windows. */
function isUrl(module: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(module);
}

/**
 * Checks an array of strings, and copies it.
 *
 * @param name The option, or "the command".
 * @throws {TypeError} If it is not one.
 */
export function strings(name: string, value: unknown): readonly string[] {
  if (value === undefined) return [];
  const what = name === "the command" ? name : `'${name}'`;
  if (!Array.isArray(value)) {
    throw invalidSecret(`${what} must be an array of strings`, kindOf(value));
  }
  // An item that is not valid may be secret, so only its place is named.
  return Array.from(value, (item: unknown, index) => {
    if (typeof item === "string" && !item.includes("\0")) return item;
    const received = typeof item === "string"
      ? "a null character"
      : kindOf(item);
    throw invalidSecret(
      `${what} must be strings without null characters`,
      `${received} at index ${index}`,
    );
  });
}

/**
 * Makes a short name of what is spawned, for errors: of a file its last part,
 * of a URL what is not secret in it.
 */
export function nameOf(program: CommandProgram | ModuleProgram): string {
  return shortName(
    program.kind === "command" ? program.words[0]! : program.specifier,
  );
}

function shortName(whole: string): string {
  return cut(publicName(whole), NAME_MAX);
}

function publicName(whole: string): string {
  if (!isUrl(whole)) return lastPart(whole);
  const url = URL.parse(whole);
  if (url === null) return `${whole.split(":", 1)}:...`;
  if (url.protocol === "data:") return whole;
  if (url.protocol === "file:") return lastPart(url.pathname);
  url.username = "";
  url.password = "";
  url.search = "";
  url.hash = "";
  return url.href;
}

function lastPart(path: string): string {
  return path.replace(/^.*[/\\](?=.)/s, "");
}
