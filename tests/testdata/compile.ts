// Copyright 2026 the @ipc/barrier authors. MIT license.

// Compiles the project in the current directory as `tsc` does, and prints the
// errors: `deno run compile.ts <folder>`. Of the declarations in `node_modules`
// it checks those below the folder alone, as all others take most of the time.

import ts from "npm:typescript@5.9.3";

const [folder] = Deno.args;
const cwd = Deno.cwd();
const { config } = ts.readConfigFile("tsconfig.json", ts.sys.readFile);
const parsed = ts.parseJsonConfigFileContent(config, ts.sys, cwd);
const program = ts.createProgram(parsed.fileNames, parsed.options);
const files = program.getSourceFiles().filter(({ fileName }) =>
  !fileName.endsWith(".d.ts") || fileName.includes(`/${folder}/`)
);
if (!files.some(({ fileName }) => fileName.endsWith(".d.ts"))) {
  throw new Error(`The program has no declarations of ${folder}`);
}
const errors = [
  ...parsed.errors,
  ...program.getConfigFileParsingDiagnostics(),
  ...program.getOptionsDiagnostics(),
  ...program.getGlobalDiagnostics(),
  ...files.flatMap((file) => [
    ...program.getSyntacticDiagnostics(file),
    ...program.getSemanticDiagnostics(file),
  ]),
  // Without a file it checks all of them.
  ...parsed.fileNames.flatMap((name) =>
    program.emit(program.getSourceFile(name)).diagnostics
  ),
];
console.log(
  ts.formatDiagnostics(errors, {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => cwd,
    getNewLine: () => "\n",
  }).trimEnd(),
);
Deno.exit(errors.length > 0 ? 2 : 0);
