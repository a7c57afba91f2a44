// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * The examples in JSDoc and on pages, which `deno check --doc` checks as well.
 * `deno test --doc` runs each in an isolate of its own, which takes 20 times as
 * long.
 */

import { LIBRARY, libraryFiles } from "./_helpers/library.ts";
import { BLOCKS } from "./_helpers/pages.ts";
import { dataUrl, json } from "./_helpers/scripts.ts";

/** An example, and where it stands. */
interface Example {
  place: string;
  source: string;
}

/** Finds the examples in the JSDoc of a file. */
async function examplesOf(file: string): Promise<Example[]> {
  const text = await Deno.readTextFile(new URL(file, LIBRARY));
  const blocks = text.matchAll(/^ *\* ```ts\n(.*?)^ *\* ```$/gms);
  return Array.from(blocks, (block) => ({
    place: `${file}:${text.slice(0, block.index).split("\n").length + 1}`,
    source: block[1]!.replaceAll(/^ *\* ?/gm, ""),
  }));
}

/** Replaces the names of modules, which a data URL cannot import. */
function resolved(source: string): string {
  return source.replaceAll(
    /(?<= from |import\()"(@[^"]+)"/g,
    (_, name: string) => {
      const part = /^@ipc\/barrier(?:\/(.*))?$/.exec(name);
      const file = part && new URL(`${part[1] ?? "mod"}.ts`, LIBRARY).href;
      return json(file ?? import.meta.resolve(name));
    },
  );
}

const inFiles = await Promise.all((await libraryFiles()).map(examplesOf));
const onPages = BLOCKS.filter(({ info }) => info === "ts")
  .map(({ page, text }) => ({ place: page, source: text }));

for (const { place, source } of [...inFiles.flat(), ...onPages]) {
  Deno.test(`The example of ${place} runs`, async () => {
    // A module of the same source would not run again.
    await import(dataUrl(`${resolved(source)}// ${place}`));
  });
}
