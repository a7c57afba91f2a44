// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Where the library stands. */
export const LIBRARY: URL = new URL("../../", import.meta.url);

/** The files of the library, as paths relative to {@linkcode LIBRARY}. */
export async function libraryFiles(directory = ""): Promise<string[]> {
  const files: string[] = [];
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(directory, LIBRARY))
  ) {
    const path = `${directory}${name}`;
    if (isDirectory && (directory !== "" || name === "src")) {
      files.push(...await libraryFiles(`${path}/`));
    } else if (name.endsWith(".ts")) {
      files.push(path);
    }
  }
  return files;
}
