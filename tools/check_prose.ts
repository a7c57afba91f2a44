// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Checks the project's prose: pages, comments, error messages and names of tests.
 * It looks for what CONTRIBUTING.md rules out and a program can see.
 *
 * Run it with `deno task check:prose`. An argument names another directory.
 *
 * @module
 */

import { pathToFileURL } from "node:url";

const ROOT = Deno.args[0] === undefined
  ? new URL("../", import.meta.url)
  : pathToFileURL(`${Deno.args[0]}/`);

/** How many words a sentence of a page has at most. */
const SENTENCE_MAX = 35;

/** How many words and bytes the README has at most. */
const README_WORDS_MAX = 1800;
const README_BYTES_MAX = 14 * 1024;

/** What is not written, each with what to write in its place. */
const BANNED: readonly (readonly [RegExp, string])[] = [
  [
    /(?<!\bthere )\b(?:is|are|was|were) no(?= (?!longer|more|one|matter)\w)/i,
    '"is not a"',
  ],
  [/\b(?:gives?|gave) (?=`|true|false|undefined)/i, '"returns", "resolves to"'],
  [/\b(?:tells?|told|telling)\b/i, '"reports", "describes", "prints"'],
  [/\bbehind\b/i, '"after"'],
  [/\bin front of\b/i, '"before"'],
  [/\bat once\b/i, '"immediately"'],
  [/\bbesides?\b/i, '"in addition to", "next to"'],
  [/\bfrom (?:now|then) on\b/i, '"after this call"'],
  [/\bbut for\b/i, '"except for"'],
  [/\b(?:has|have|had) to be\b/i, '"must be"'],
  [/\b(?:is|are) to (?:be|have|do|get|notice|find|learn)\b/i, '"must"'],
  [/\bshall\b/i, '"must", "will"'],
  [/\babortions?\b/i, '"abort"'],
  [/\b(?:behaviour|colour|favour|honour|neighbour|labour)\w*/i, "-or"],
  [/\b(?:cancell|labell|modell|travell|signall)(?:ed|ing)\b/i, "one l"],
  [
    /\b(?:recogn|initial|serial|organ|synchron|optim|minim|normal|summar|real)is(?:e|es|ed|ing|ation)\b/i,
    "-ize",
  ],
  [
    /\b(?:centre|licence|artefact|whilst|grey|analyse)\w*\b/i,
    "American spelling",
  ],
];

/** Phrases that the rules would find, and that are right. */
const EXCEPTIONS: readonly RegExp[] = [
  /\b(?:left|leaves?|leaving) \S+(?: \S+){0,6}? behind\b/,
  /\b(?:left|leaves?|falls?|fell|stays|lags|barriers?|is|are|turns?) behind\b(?! (?:it|that|all|what|the)\b)/,
  /\b(?:\d[\d,]*|many|several|all|both|two|children|bytes|barriers|waits|much) at once\b/,
  /\b(?:two|three|\d+) \w+ at once\b/,
];

interface Text {
  file: string;
  line: number;
  text: string;
}

const problems: string[] = [];

function report({ file, line }: Omit<Text, "text">, problem: string): void {
  problems.push(`${file}:${line}: ${problem}`);
}

/** Removes what is not prose. Its place stays, as do the numbers of lines. */
function withoutCode(text: string): string {
  return text
    .replaceAll(/`[^`]*`/g, (code) => "`" + code.replaceAll(/[^\n]/g, "_"))
    .replaceAll(/\{@\w+ [^}]*\}/g, "`_")
    .replaceAll(/\]\([^)]*\)/g, "]")
    .replaceAll(/\bhttps?:\/\/\S+/g, "_");
}

/** Makes a pattern whose spaces match the end of a line as well. */
function acrossLines(pattern: RegExp): RegExp {
  return new RegExp(pattern.source.replaceAll(" ", "\\s+"), "gi");
}

function checkPhrases({ file, line, text }: Text): void {
  let prose = withoutCode(text);
  for (const exception of EXCEPTIONS) {
    prose = prose.replaceAll(
      acrossLines(exception),
      (found) => found.replaceAll(/[^\n]/g, "_"),
    );
  }
  for (const [pattern, instead] of BANNED) {
    for (const found of prose.matchAll(acrossLines(pattern))) {
      const before = prose.slice(0, found.index).split("\n").length - 1;
      const phrase = found[0].replaceAll(/\s+/g, " ");
      report({ file, line: line + before }, `"${phrase}": write ${instead}`);
    }
  }
}

// Pages

/** Replaces code blocks by empty lines. */
function withoutBlocks(page: string): string {
  return page.replaceAll(
    /^( *)```.*?^\1```$/gms,
    (block) => block.replaceAll(/[^\n]/g, ""),
  );
}

function checkSentences(file: string, page: string): void {
  const lines = page.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const isTable = lines[i]!.startsWith("|");
    const starts = lines[i]!.trim() !== "" &&
      (isTable || i === 0 || lines[i - 1]!.trim() === "" ||
        /^ *(?:[-*]|\d+\.) /.test(lines[i]!));
    if (!starts) continue;
    let end = i + 1;
    while (
      !isTable && end < lines.length && lines[end]!.trim() !== "" &&
      !/^ *(?:[-*]|\d+\.) /.test(lines[end]!)
    ) end++;
    const paragraph = withoutCode(lines.slice(i, end).join(" "));
    const parts = isTable ? paragraph.split("|") : [paragraph];
    for (const part of parts) {
      for (
        const sentence of part.split(/(?<=[.?!:][)"*]*)\s+(?=[A-Z*`_("[])/)
      ) {
        const words = sentence.split(/\s+/).filter((word) => /\w/.test(word));
        if (words.length > SENTENCE_MAX) {
          report(
            { file, line: i + 1 },
            `a sentence of ${words.length} words: "${
              words.slice(0, 6).join(" ")
            } …"`,
          );
        }
      }
    }
  }
}

/** The anchors that a page's headings make. */
function anchors(page: string): Set<string> {
  const headings = withoutBlocks(page).matchAll(/^#+ (.+)$/gm);
  return new Set(
    Array.from(
      headings,
      ([, heading]) =>
        heading!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "")
          .replaceAll(" ", "-"),
    ),
  );
}

async function checkLinks(file: string, page: string): Promise<void> {
  const links = withoutBlocks(page).matchAll(/\]\(([^)\s]+)\)/g);
  for (const { 1: link, index } of links) {
    if (/^[a-z]+:/.test(link!)) continue;
    const place = { file, line: page.slice(0, index).split("\n").length };
    const [path, anchor] = link!.split("#");
    const target = path === ""
      ? new URL(file, ROOT)
      : new URL(path!, new URL(file, ROOT));
    try {
      await Deno.stat(target);
    } catch {
      report(place, `the link "${link}" leads nowhere`);
      continue;
    }
    if (anchor === undefined) continue;
    if (!anchors(await Deno.readTextFile(target)).has(anchor)) {
      report(place, `no heading for the link "${link}"`);
    }
  }
}

async function checkPage(file: string): Promise<void> {
  const page = await Deno.readTextFile(new URL(file, ROOT));
  const prose = withoutBlocks(page);
  checkPhrases({ file, line: 1, text: prose });
  checkSentences(file, prose);
  await checkLinks(file, page);
  if (file !== "README.md") return;
  const words = page.split(/\s+/).filter(Boolean).length;
  const bytes = new TextEncoder().encode(page).length;
  if (words > README_WORDS_MAX) report({ file, line: 1 }, `${words} words`);
  if (bytes > README_BYTES_MAX) report({ file, line: 1 }, `${bytes} bytes`);
}

// Sources

const NAME =
  /(?:\btest\(|\bname:|\bstep\()\s*(?:(["'])((?:(?!\1).)*)\1|`((?:[^`])*)`)/g;
const MESSAGE = /(["'`])(Cannot (?:(?!\1)[^\\]|\\.)*)\1/g;

function* comments(source: string): Generator<[line: number, text: string]> {
  const lines = source.split("\n");
  for (let i = 0; i < lines.length;) {
    const start = i;
    const found: string[] = [];
    // Whole lines of one comment are one text, as sentences span them.
    for (; i < lines.length; i++) {
      const comment = /^\s*(?:\/\/|\/?\*+\/?)(?: |$)?(.*)$/.exec(lines[i]!);
      if (comment === null) break;
      found.push(comment[1]!.replace(/\*\/$/, ""));
    }
    if (found.length > 0) {
      yield [start + 1, found.join("\n")];
      continue;
    }
    const trailing = /^(.*)\s\/\/ (.*)$/.exec(lines[i]!);
    const quotes = (trailing?.[1] ?? "").match(/["'`]/g)?.length ?? 0;
    if (trailing && quotes % 2 === 0) yield [i + 1, trailing[2]!];
    i++;
  }
}

/** Replaces code in a comment, which has its own rules, by empty lines. */
function withoutExamples(comment: string): string {
  return comment.replaceAll(
    /^```.*?^```$/gms,
    (block) => block.replaceAll(/[^\n]/g, ""),
  );
}

async function checkSource(file: string): Promise<void> {
  const source = await Deno.readTextFile(new URL(file, ROOT));
  const lineOf = (index: number) => source.slice(0, index).split("\n").length;
  for (const [line, text] of comments(source)) {
    checkPhrases({ file, line, text: withoutExamples(text) });
  }
  for (const { 2: quoted, 3: template, index } of source.matchAll(NAME)) {
    const text = (quoted ?? template)!.replaceAll(/\$\{[^}]*\}/g, "`_`");
    checkPhrases({ file, line: lineOf(index), text });
  }
  if (file.startsWith("tests/")) return;
  for (const { 2: message, index } of source.matchAll(MESSAGE)) {
    const text = message!.replaceAll(/\$\{[^}]*\}/g, "_");
    const place = { file, line: lineOf(index) };
    checkPhrases({ ...place, text });
    if (/\.$|\. /.test(text)) {
      report(place, "a message is one sentence, without a period");
    }
    if (/n't\b|\b(?:it|that|there)'s\b/.test(text)) {
      report(place, "a message has no contractions");
    }
  }
}

/** The files of the project, by their paths. */
async function* files(directory = ""): AsyncGenerator<string> {
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(directory || ".", ROOT))
  ) {
    if (name.startsWith(".") || name === "node_modules") continue;
    const path = `${directory}${name}`;
    if (isDirectory) yield* files(`${path}/`);
    else yield path;
  }
}

const GENERATED = ["bench/RESULTS.md", "tests/testdata/README.md"];

for (const file of (await Array.fromAsync(files())).sort()) {
  if (GENERATED.includes(file)) continue;
  if (file.endsWith(".md")) await checkPage(file);
  else if (/\.(?:ts|mjs)$/.test(file)) await checkSource(file);
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error(`${problems.length} problems; CONTRIBUTING.md has the rules`);
  Deno.exit(1);
}
console.log("The prose follows the rules that a program can check");
