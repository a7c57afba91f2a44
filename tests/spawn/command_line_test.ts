// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { type SpawnModuleOptions, spawnWithBarrier } from "../../mod.ts";
import { commandLine } from "../../src/spawn/command_line.ts";
import type { ModuleProgram } from "../../src/spawn/program.ts";
import { inheritingModule } from "../_helpers/scripts.ts";

const CHANNEL = "--allow-env=BARRIER_CHANNEL";
const TRACE = "--allow-env=BARRIER_TRACE";
const BOTH = "--allow-env=BARRIER_CHANNEL,BARRIER_TRACE";

function moduleWith(...flags: string[]): ModuleProgram {
  return { kind: "module", specifier: "./a:b.ts", flags };
}

/** The flags of a module's command line. */
function flagsOf(
  flags: readonly string[],
  fd: number | undefined,
  trace = "0",
): readonly string[] {
  const program = moduleWith(...flags);
  const env = { BARRIER_TRACE: trace };
  return commandLine({ program, args: [], fd, env }).slice(1, -1);
}

Deno.test("commandLine() is a command's own, with the arguments after it", () => {
  const program = { kind: "command", words: ["sh", "-c", ":"] } as const;
  assertEquals(
    commandLine({ program, args: ["--", "-A"], fd: 3, env: {} }),
    ["sh", "-c", ":", "--", "-A"],
  );
});

Deno.test("commandLine() runs a module by this Deno, with flags before and arguments after it", () => {
  const program = moduleWith("--no-prompt", "--cached-only");
  assertEquals(
    commandLine({ program, args: ["--allow-all", "-", ""], fd: 3, env: {} }),
    [
      Deno.execPath(),
      "--no-prompt",
      "--cached-only",
      "./a:b.ts",
      "--allow-all",
      "-",
      "",
    ],
  );
});

Deno.test("commandLine() lets a module read the variables that it needs", () => {
  assertEquals(flagsOf([], 3), []);
  assertEquals(flagsOf([], 4), [CHANNEL]);
  assertEquals(flagsOf([], undefined), [CHANNEL]);
  assertEquals(flagsOf([], 3, "1"), [TRACE]);
  assertEquals(flagsOf([], undefined, "1"), [BOTH]);
});

Deno.test("commandLine() lets a module read them in addition to lists of variables", () => {
  for (
    const flags of [
      ["--no-prompt"],
      ["--allow-env=A"],
      ["--allow-env=A", "--allow-env=B"],
      ["-E=A"],
      ["-WE=A"],
      ["-R=/APE"],
      ["--deny-env=A"],
      ["--ignore-env=A"],
      ["--import-map", "APE.json"],
    ]
  ) {
    assertEquals(flagsOf(flags, undefined), [...flags, CHANNEL]);
  }
});

Deno.test("commandLine() adds nothing to a flag that decides on all variables", () => {
  for (
    const flag of [
      "--allow-all",
      "--allow-env",
      "--deny-env",
      "--ignore-env",
      "--permission-set",
      "--permission-set=name",
      "-A",
      "-E",
      "-RE",
      "-ER=/x",
      "-P",
      "-P=name",
      "-qP=name",
    ]
  ) {
    assertEquals(flagsOf(["--quiet", flag], undefined, "1"), ["--quiet", flag]);
  }
});

const MAY_READ = inheritingModule(`
  const state = (variable) =>
    Deno.permissions.querySync({ name: "env", variable }).state[0];
  using parent = await inheritBarrier({ channel: "stdio" });
  parent.place(["BARRIER_CHANNEL", "LISTED", "HOME"].map(state).join(""));
`);

// "g" for granted, "p" for prompt, "d" for denied
for (
  const [what, options, states] of [
    ["no permissions", {}, "gpp"],
    ["a list", { permissions: { env: ["LISTED"] } }, "ggp"],
    ["two lists", { denoArgs: ["--allow-env=LISTED", "-E=HOME"] }, "ggg"],
    ["a list in a cluster", { denoArgs: ["-WE=LISTED"] }, "ggp"],
    ["all variables in a cluster", { denoArgs: ["-ER=/x"] }, "ggg"],
    ["a path that looks like flags", { denoArgs: ["-R=/APE"] }, "gpp"],
    ["a list that is denied", { denoArgs: ["--deny-env=LISTED"] }, "gdp"],
    ["all variables denied", { denoArgs: ["--deny-env"] }, "ddd"],
    ["all variables ignored", { denoArgs: ["--ignore-env"] }, "ddd"],
  ] as const
) {
  Deno.test(`spawnWithBarrier() starts a module over "stdio" with ${what}`, async () => {
    await using child = spawnWithBarrier(MAY_READ, {
      channel: "stdio",
      ...options as SpawnModuleOptions,
    });
    assertEquals(await child.ready(), states);
  });
}
