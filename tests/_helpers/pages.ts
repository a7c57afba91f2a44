// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The code blocks of the documentation's pages. */

const ROOT = new URL("../../", import.meta.url);

/** A code block of a page. */
export interface Block {
  /** The path of the page, such as `docs/recipes.md`. */
  page: string;
  /** What follows the fence, such as `ts ignore`. */
  info: string;
  text: string;
}

/** The pages that a reader is led to. */
export const PAGES: readonly string[] = [
  "README.md",
  "PROTOCOL.md",
  ...Array.from(
    Deno.readDirSync(new URL("docs", ROOT)),
    ({ name }) => `docs/${name}`,
  ).filter((name) => name.endsWith(".md")).sort(),
];

/** The code blocks of all pages. */
export const BLOCKS: readonly Block[] = PAGES.flatMap((page) => {
  const text = Deno.readTextFileSync(new URL(page, ROOT));
  return Array.from(
    text.matchAll(/^```([^\n]*)\n(.*?)^```$/gms),
    ([, info, text]) => ({ page, info: info!, text: text! }),
  );
});

/** The text of the first code block that begins with a line. */
export function block(firstLine: string): string {
  const found = BLOCKS.find(({ text }) => text.startsWith(`${firstLine}\n`));
  if (found) return found.text;
  throw new Error(`Cannot find a block that begins with "${firstLine}"`);
}
