// Copyright 2026 the @ipc/barrier authors. MIT license.

/* What the system reports when it does not start a child. */

import { cut } from "../barrier/lines.ts";
import type { Plan } from "./options.ts";

/** How many characters of a file name or of a system's message an error shows. */
const TEXT_MAX = 200;

/** How many bytes of a script are read to find its interpreter. */
const FIRST_LINE_MAX = 256;

type FailedPlan = Pick<
  Plan,
  "name" | "program" | "cwd" | "fd" | "env" | "uid" | "gid"
>;

/**
 * Makes the error for a child that the system did not start. It shows no
 * arguments, which may be secret.
 *
 * @param cause What `node:child_process` reports.
 * @param plan How the child was to be started.
 */
export function spawnError(cause: unknown, plan: FailedPlan): Error {
  const { program } = plan;
  const name = program.kind === "command" ? program.words[0]! : plan.name;
  const [ErrorClass, what] = explain(cause, plan);
  return new ErrorClass(`Cannot spawn "${cut(name, TEXT_MAX)}": ${what}`, {
    cause: publicCause(cause),
  });
}

type ErrorConstructor = new (message: string, options: ErrorOptions) => Error;

/** Returns the class of the error, and what is wrong. */
function explain(
  cause: unknown,
  plan: FailedPlan,
): [ErrorConstructor, string] {
  const { code, message } = errorLike(cause);
  switch (code) {
    case "ENOENT":
      return [Deno.errors.NotFound, whatIsMissing(plan)];
    case "EBADF":
      return [
        RangeError,
        `the channel "fd:${plan.fd}" exceeds the limit of open files of this process; choose a lower number or raise the limit (ulimit -n)`,
      ];
    case "EMFILE":
    case "ENFILE":
      return [
        Error,
        "there are too many open files; stop some children or raise the limit (ulimit -n)",
      ];
    case "EAGAIN":
      return [
        Deno.errors.WouldBlock,
        "there are too many processes; stop some or raise the limit (ulimit -u)",
      ];
    case "EACCES":
    case "EPERM": {
      const isOther = plan.uid !== undefined || plan.gid !== undefined;
      return [
        Deno.errors.PermissionDenied,
        isOther
          ? "the system denies permission; check that the file is executable and that this user may run it as another user or group"
          : "the system denies permission; check that the file is executable and that this user may run it",
      ];
    }
  }
  // "Failed to spawn '/usr/bin/sh': Argument list too long (os error 7)"
  const reason = message.replace(/^Failed to spawn '.*': /s, "");
  return [denoClass(cause), cut(lowerFirst(reason), TEXT_MAX)];
}

function denoClass(cause: unknown): ErrorConstructor {
  return Object.values(Deno.errors).find((ErrorClass) =>
    cause instanceof ErrorClass
  ) ?? Error;
}

/** Makes an error like the cause, without the arguments or control characters. */
function publicCause(cause: unknown): Error {
  const { code, message } = errorLike(cause);
  return Object.assign(
    new Error(cut(message, TEXT_MAX)),
    code === undefined ? {} : { code },
  );
}

function errorLike(cause: unknown): { code?: string; message: string } {
  if (!(cause instanceof Error)) return { message: String(cause) };
  const { code, message } = cause as NodeJS.ErrnoException;
  return code === undefined ? { message } : { code, message };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/**
 * Says which file does not exist. The system has one error for the program, its
 * interpreter and the working directory, so this looks them up as far as this
 * process is allowed to read.
 */
function whatIsMissing({ program, cwd, env }: FailedPlan): string {
  const place = cwd === undefined ? "directory" : kindOfFile(cwd);
  const directory = `the working directory "${cut(cwd ?? "", TEXT_MAX)}"`;
  if (place === "missing") return `${directory} does not exist`;
  if (place === "file") return `${directory} is not a directory`;
  const missing = whatProgramIsMissing(program, cwd, env.PATH ?? "");
  return place === "directory"
    ? missing
    : `${missing.replace(/;.*/, "")}, or ${directory} does not`;
}

function whatProgramIsMissing(
  program: Plan["program"],
  cwd: string | undefined,
  path: string,
): string {
  if (program.kind === "module") {
    return `Deno is no longer at "${cut(Deno.execPath(), TEXT_MAX)}"`;
  }
  const files = candidates(program.words[0]!, cwd, path);
  const file = files.find((file) => kindOfFile(file) === "file");
  if (file !== undefined) return whatFileNeeds(file);
  return files.every(kindOfFile)
    ? "the command does not exist; check its spelling and PATH"
    : "the command or its interpreter does not exist; check its spelling and PATH";
}

/** Says what is missing for a file that exists, and yet cannot be run. */
function whatFileNeeds(file: string): string {
  const line = firstLine(file) ?? "";
  const interpreter = /^#![ \t]*([^ \t\r]+)/.exec(line)?.[1];
  if (interpreter === undefined) {
    return "the file exists, but not the interpreter or loader that it names; install that";
  }
  const shown = cut(interpreter, TEXT_MAX);
  return line.endsWith("\r")
    ? `the first line of the script ends in CR LF, so the system looks for "${shown}\\r"; save the file with LF`
    : `its interpreter "${shown}" does not exist; install it or change the first line of the script`;
}

/** Returns the files that `execvp` takes a command for, the first first. */
function candidates(
  command: string,
  cwd: string | undefined,
  path: string,
): readonly string[] {
  if (!command.includes("/")) {
    return path.split(":").map((directory) => `${directory}/${command}`);
  }
  const isRelative = !command.startsWith("/") && cwd !== undefined;
  return [isRelative ? `${cwd}/${command}` : command];
}

/** Looks at a path; `undefined` if this process may not look. */
function kindOfFile(
  path: string,
): "missing" | "directory" | "file" | undefined {
  return ifReadable(path, () => {
    try {
      return Deno.statSync(path).isDirectory ? "directory" : "file";
    } catch (error) {
      return error instanceof Deno.errors.NotFound ? "missing" : undefined;
    }
  });
}

function firstLine(path: string): string | undefined {
  return ifReadable(path, () => {
    // Node 20, which imports this as well, cannot parse `using`.
    const files = new DisposableStack();
    try {
      const file = files.use(Deno.openSync(path));
      const bytes = new Uint8Array(FIRST_LINE_MAX);
      const length = file.readSync(bytes) ?? 0;
      return new TextDecoder().decode(bytes.subarray(0, length))
        .split("\n", 1)[0];
    } catch {
      return undefined;
    } finally {
      files.dispose();
    }
  });
}

/** Looks at a file without asking the user for a permission. */
function ifReadable<T>(path: string, look: () => T): T | undefined {
  const { state } = Deno.permissions.querySync({ name: "read", path });
  return state === "granted" ? look() : undefined;
}
