// Copyright 2026 the @ipc/barrier authors. MIT license.

/* What the system reports when it does not start a child. */

import { cut } from "../barrier/lines.ts";
import type { Plan } from "./options.ts";

/** How many characters of a file name or of a script's first line an error shows. */
const PATH_MAX = 200;

/** How many bytes of a script are read to find its interpreter. */
const FIRST_LINE_MAX = 256;

/**
 * Makes the error for a child that the system did not start.
 *
 * @param command The program that was to run.
 * @param cause What `node:child_process` reports.
 * @param plan How the child was to be started.
 */
export function spawnError(
  command: string,
  cause: unknown,
  plan: Pick<Plan, "cwd" | "fd" | "env">,
): unknown {
  const error = cause as NodeJS.ErrnoException & { spawnargs?: string[] };
  // The arguments may be secret.
  if (Object(error) === error) delete error.spawnargs;
  const failure = `Cannot spawn "${cut(command, PATH_MAX)}"`;
  const options = { cause };
  switch (error?.code) {
    case "ENOENT":
      return new Deno.errors.NotFound(
        `${failure}: ${whatIsMissing(command, plan)}`,
        options,
      );
    case "EBADF":
      return new RangeError(
        `${failure}: the channel "fd:${plan.fd}" exceeds the limit of open files of this process; choose a lower number or raise the limit (ulimit -n)`,
        options,
      );
    case "EMFILE":
    case "ENFILE":
      return new Error(
        `${failure}: there are too many open files; stop some children or raise the limit (ulimit -n)`,
        options,
      );
    case "EAGAIN":
      return new Deno.errors.WouldBlock(
        `${failure}: there are too many processes; stop some or raise the limit (ulimit -u)`,
        options,
      );
    case "EACCES":
    case "EPERM":
      return new Deno.errors.PermissionDenied(
        `${failure}: the system denies permission; check that the file is executable and that this user may run it`,
        options,
      );
    default:
      if (cause instanceof Deno.errors.NotCapable) {
        return new Deno.errors.NotCapable(
          `${failure}: ${lowerFirst(cause.message)}`,
          options,
        );
      }
      return cause;
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/**
 * Says which file does not exist. The system has one error for the program, its
 * interpreter and the working directory, so this looks them up as far as this
 * process is allowed to read.
 */
function whatIsMissing(
  command: string,
  { cwd, env }: Pick<Plan, "cwd" | "env">,
): string {
  const directory = cwd === undefined ? undefined : pathOf(cwd);
  const shownDirectory = cut(directory ?? "", PATH_MAX);
  if (directory !== undefined && exists(directory) === false) {
    return `the working directory "${shownDirectory}" does not exist`;
  }
  const script = findScript(command, directory, env.PATH ?? "");
  const line = script === undefined ? undefined : firstLine(script);
  const interpreter = /^#![ \t]*([^ \t\r]+)/.exec(line ?? "")?.[1];
  if (interpreter !== undefined) {
    const shownInterpreter = cut(interpreter, PATH_MAX);
    return line!.endsWith("\r")
      ? `the first line of the script ends in CR LF, so the system looks for "${shownInterpreter}\\r"; save the file with LF`
      : `its interpreter "${shownInterpreter}" does not exist; install it or change the first line of the script`;
  }
  const missing = "the command does not exist";
  return directory === undefined || exists(directory)
    ? `${missing}; check its spelling and PATH`
    : `${missing}, or the working directory "${shownDirectory}" does not`;
}

function pathOf(place: string | URL): string {
  return place instanceof URL ? decodeURIComponent(place.pathname) : place;
}

/** Finds the file of a command as `execvp` does. */
function findScript(
  command: string,
  cwd: string | undefined,
  path: string,
): string | undefined {
  if (command.includes("/")) {
    return command.startsWith("/") || cwd === undefined
      ? command
      : `${cwd}/${command}`;
  }
  return path.split(":").map((directory) => `${directory}/${command}`)
    .find((file) => exists(file));
}

/** Whether a file exists; `undefined` if this process may not look. */
function exists(path: string): boolean | undefined {
  return ifReadable(path, () => {
    try {
      Deno.statSync(path);
      return true;
    } catch (error) {
      return error instanceof Deno.errors.NotFound ? false : undefined;
    }
  });
}

function firstLine(path: string): string | undefined {
  return ifReadable(path, () => {
    try {
      using file = Deno.openSync(path);
      const bytes = new Uint8Array(FIRST_LINE_MAX);
      const length = file.readSync(bytes) ?? 0;
      return new TextDecoder().decode(bytes.subarray(0, length))
        .split("\n", 1)[0];
    } catch {
      return undefined;
    }
  });
}

/** Looks at a file without asking the user for a permission. */
function ifReadable<T>(path: string, look: () => T): T | undefined {
  const { state } = Deno.permissions.querySync({ name: "read", path });
  return state === "granted" ? look() : undefined;
}
