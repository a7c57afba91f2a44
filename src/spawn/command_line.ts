// Copyright 2026 the @ipc/barrier authors. MIT license.

/* The words that start a child: a command's own, or those that run a module. */

import {
  CHANNEL_VARIABLE,
  readVariable,
  TRACE_VARIABLE,
} from "../channels/environment.ts";
import { builtin } from "../runtime/builtin.ts";
import { moduleCommand } from "../runtime/process.ts";
import { cut } from "../barrier/lines.ts";
import { invalid } from "./errors.ts";

/** What is spawned: a Deno module, or the words of a command. */
export type Target = string | URL | readonly string[];

/** What else the words are made of; see `SpawnModuleOptions`. */
export interface CommandLineOptions {
  args?: readonly string[] | undefined;
  permissions?: "none" | "all" | Deno.PermissionOptionsObject | undefined;
  denoArgs?: readonly string[] | undefined;
  env?: Record<string, string> | undefined;
  clearEnv?: boolean | undefined;
  channel?: string | undefined;
}

/** The kinds of permission that Deno has a flag for. */
const PERMISSIONS = [
  "env",
  "ffi",
  "import",
  "net",
  "read",
  "run",
  "sys",
  "write",
] as const;

/** How many characters of a program's name an error shows. */
const NAME_MAX = 40;

/** Whether a target is the words of a command, and no module. */
export function isCommand(target: Target): target is readonly string[] {
  return Array.isArray(target);
}

/**
 * A short name of what is spawned, for errors: that of a file without its
 * directory, or the beginning of whatever else it is.
 */
export function programName(target: Target): string {
  const whole = String(isCommand(target) ? target[0] : target);
  const isFile = whole.startsWith("file:") || !isUrl(whole);
  const name = isFile ? whole.replace(/^.*[/\\](?=.)/s, "") : whole;
  return cut(name, NAME_MAX);
}

/**
 * Makes the words of a command line, the program first.
 *
 * @throws {TypeError} If the target or an option is not valid.
 */
export function commandLine(
  target: Target,
  options: CommandLineOptions,
): string[] {
  const words = isCommand(target)
    ? commandWords(target, options)
    : moduleWords(target, options);
  for (const word of words) {
    if (typeof word !== "string" || word.includes("\0")) {
      throw invalid("arguments must be strings without null characters", word);
    }
  }
  return words;
}

function commandWords(
  target: readonly string[],
  { args, permissions, denoArgs }: CommandLineOptions,
): string[] {
  if (permissions !== undefined || denoArgs !== undefined) {
    throw new TypeError(
      `Cannot spawn "${
        programName(target)
      }": 'permissions' and 'denoArgs' are for a Deno module, not for a command`,
    );
  }
  if (!target[0]) throw invalid("the command must not be empty", target[0]);
  return [...target, ...list("args", args)];
}

function moduleWords(
  target: string | URL,
  options: CommandLineOptions,
): string[] {
  const { args, permissions = "none", denoArgs } = options;
  if (typeof target !== "string" && !(target instanceof URL)) {
    throw invalid(
      "the target must be a string, a URL or an array of strings",
      target,
    );
  }
  if (target === "") throw invalid("the module must not be empty", target);
  if (Deno.build.standalone) {
    throw new TypeError(
      `Cannot spawn "${
        programName(target)
      }": a compiled program runs no modules, spawn ["deno", "run", ...] or [Deno.execPath(), ...] instead`,
    );
  }
  const flags = [
    ...permissionFlags(permissions),
    ...list("denoArgs", denoArgs),
  ];
  return moduleCommand(
    lettingRead(variables(options), flags),
    modulePath(String(target)),
    list("args", args),
  );
}

/** What carries a barrier where no option says so. Windows has no descriptor 3. */
export function defaultChannel(): "fd" | "stdio" {
  return Deno.build.os === "windows" ? "stdio" : "fd";
}

/** The variables that a module has to read to take part as it is told to. */
function variables(options: CommandLineOptions): string[] {
  const { channel = defaultChannel() } = options;
  const names = [];
  // A module that may not read where its channel is looks at descriptor 3.
  if (channel !== "fd" && channel !== "fd:3") names.push(CHANNEL_VARIABLE);
  if (isTraced(options)) names.push(TRACE_VARIABLE);
  return names;
}

/** Adds variables to those that flags let a module read. */
function lettingRead(
  variables: readonly string[],
  flags: readonly string[],
): readonly string[] {
  if (variables.length === 0 || flags.some(decidesOnEnv)) return flags;
  const list = flags.findLastIndex((flag) =>
    /^(?:--allow-env|-[a-zA-Z]*E)=/.test(flag)
  );
  return list === -1
    ? [...flags, `--allow-env=${variables}`]
    : flags.with(list, `${flags[list]},${variables}`);
}

/** Whether the child's environment says that it is traced. */
function isTraced({ env, clearEnv }: CommandLineOptions): boolean {
  const value = env?.[TRACE_VARIABLE] ??
    (clearEnv ? undefined : readVariable(TRACE_VARIABLE));
  return value === "1";
}

/**
 * Whether a flag says of all variables whether they may be read. A list, which
 * may follow the last letter of short flags, says it of some.
 */
function decidesOnEnv(flag: string): boolean {
  return /^--(?:allow-all|(?:allow|deny|ignore)-env|permission-set(?:=.*)?)$/
    .test(flag) ||
    /^-[a-zA-Z]*(?:[AEP][a-zA-Z]+(?:=.*)?|[AE]|P(?:=.*)?)$/.test(flag);
}

function list(
  name: string,
  value: readonly string[] | undefined,
): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    throw invalid(`'${name}' must be an array of strings`, value);
  }
  return value;
}

/** Spells a relative path so that it can be nothing but a path. */
function modulePath(module: string): string {
  return isUrl(module) || /^(?:[/\\]|[a-z]:[/\\])/i.test(module)
    ? module
    : `./${module}`;
}

/** Whether a module is named by a URL. One letter is a drive of Windows. */
function isUrl(module: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(module);
}

function permissionFlags(
  permissions: "none" | "all" | Deno.PermissionOptionsObject,
): string[] {
  if (permissions === "all") return ["--allow-all"];
  // A child that may be waited for must not wait for an answer to a prompt.
  const flags = ["--no-prompt"];
  if (permissions === "none") return flags;
  if (typeof permissions !== "object" || permissions === null) {
    throw invalid(
      `'permissions' must be "none", "all" or an object`,
      permissions,
    );
  }
  for (const [kind, value] of Object.entries(permissions)) {
    const name = PERMISSIONS.find((name) => name === kind);
    if (name === undefined) {
      throw invalid(
        `'permissions' must be of the kinds ${PERMISSIONS.join(", ")}`,
        kind,
      );
    }
    if (value === true) flags.push(`--allow-${name}`);
    else if (value === "inherit") flags.push(inheritedFlag(name));
    else if (Array.isArray(value)) {
      const items = value.map((item: unknown) => listItem(name, item));
      if (items.length > 0) flags.push(`--allow-${name}=${items.join(",")}`);
    } else if (value !== false && value !== undefined) {
      throw invalid(
        `the permission "${name}" must be a boolean, an array or "inherit"`,
        value,
      );
    }
  }
  return flags;
}

function inheritedFlag(name: typeof PERMISSIONS[number]): string {
  const { state, partial } = Deno.permissions.querySync({ name });
  if (state !== "granted" || partial) {
    throw new TypeError(
      `Cannot spawn a child: it cannot inherit the permission "${name}", which this process does not hold whole, list what to grant instead`,
    );
  }
  return `--allow-${name}`;
}

/** A value as a flag lists it. Deno 2.9 knows no way to write one with a comma. */
function listItem(name: string, item: unknown): string {
  if (typeof item !== "string" && !(item instanceof URL)) {
    throw invalid(`the permission "${name}" must list strings or URLs`, item);
  }
  const { fileURLToPath } = builtin<typeof import("node:url")>("node:url");
  const text = item instanceof URL && item.protocol === "file:"
    ? fileURLToPath(item)
    : String(item);
  if (text === "" || text.includes(",")) {
    throw invalid(
      `the permission "${name}" must list values that are not empty and have no comma`,
      text,
    );
  }
  return text;
}
