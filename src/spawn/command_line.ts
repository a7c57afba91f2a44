// Copyright 2026 the @ipc/barrier authors. MIT license.

/* The command line of a child: a command's own, or the one that runs a module. */

import {
  CHANNEL_FD,
  CHANNEL_VARIABLE,
  TRACE_VARIABLE,
} from "../channels/environment.ts";
import { moduleCommand } from "../runtime/process.ts";
import type { Plan } from "./options.ts";

/** Makes a command line, the program first. */
export function commandLine(
  plan: Pick<Plan, "program" | "args" | "fd" | "env">,
): readonly string[] {
  const { program, args } = plan;
  if (program.kind === "command") return [...program.words, ...args];
  const variables = [
    // A module looks at this descriptor without having to read a variable.
    ...plan.fd === CHANNEL_FD ? [] : [CHANNEL_VARIABLE],
    ...plan.env[TRACE_VARIABLE] === "1" ? [TRACE_VARIABLE] : [],
  ];
  const flags = variables.length === 0 || program.flags.some(decidesOnEnv)
    ? program.flags
    : [...program.flags, `--allow-env=${variables}`];
  return moduleCommand(flags, program.specifier, args);
}

/**
 * Whether a flag of Deno decides on all variables, so that another list would
 * narrow what it grants or be an error. Lists add up.
 */
function decidesOnEnv(flag: string): boolean {
  return /^(?:--(?:allow-all|permission-set)|--(?:allow|deny|ignore)-env$|-[a-zA-Z]*(?:[AE](?!=)|P))/
    .test(flag);
}
