// Copyright 2026 the @ipc/barrier authors. MIT license.

/** A child's stdout that carries output and the protocol, taken apart. */

import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.11.0";
import { type Message, parseLine } from "../../src/barrier/lines.ts";
import { StdoutSplitter } from "../../src/spawn/stdout_splitter.ts";
import { spawnWithBarrier } from "../../mod.ts";
import { SSHD, Sshd } from "../_helpers/sshd.ts";
import { isInstalled } from "../_helpers/programs.ts";
import { pieces } from "../_helpers/pieces.ts";
import { json, runParent, shell, testdata } from "../_helpers/scripts.ts";
import { TempDir } from "../_helpers/temp_dir.ts";
import { test } from "../_helpers/unix.ts";

const encoder = new TextEncoder();
const RS = "\x1e";

/** Text as bytes, one a character: what is above 0xff is not meant. */
function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function text(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** What a child printed, as text, and what it placed. */
interface Split {
  output: string;
  messages: Message[];
}

function split(whole: Uint8Array, lengths: number[], end = true): Split {
  const splitter = new StdoutSplitter();
  const all: Split = { output: "", messages: [] };
  for (const piece of pieces(whole, lengths)) {
    const { output, messages } = splitter.read(piece);
    all.output += text(output);
    all.messages.push(...messages);
  }
  if (end) all.output += text(splitter.end());
  return all;
}

/** What a line of the protocol means. */
function meaning(line: string): Message {
  return parseLine(bytes(line), false);
}

const utf8 = (value: string) => text(encoder.encode(value));

/** Lines of the protocol: what goes after the separator, and before LF. */
const protocolLine = fc.oneof(
  fc.constantFrom("", "\r", "abort", "abort\r", "abort ", "+", "+\r"),
  fc.string({ unit: "grapheme", maxLength: 20 })
    .filter((note) => !/\p{Cc}/u.test(note))
    .map((note) => `+${utf8(note)}`),
  fc.constant(`abort ${utf8("no löck")}`),
  fc.nat({ max: 4_095 }).map((length) => `+${"x".repeat(length)}`),
);

/** Output that has no separator, and so cannot become a line. */
const plainOutput = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }).map(text),
).map((output) => output.replaceAll(RS, "?"));

/** Output that begins like the protocol, up to what shows that it is not. */
const nearMiss = fc.constantFrom(
  ...[
    `${RS}hello\n`,
    `${RS}abortion\n`,
    `${RS}abor\n`,
    `${RS} \n`,
    `${RS}+a\tb\n`,
    `${RS}+\xff\n`,
    `${RS}abort\r \n`,
    `${RS}\r\r\n`,
    `${RS}{"json": 1}\n`,
    `${RS}+${"x".repeat(4_096)}\n`,
    `${RS}+${"x".repeat(5_000)}\n`,
  ],
);

Deno.test("StdoutSplitter gives back exactly the output and exactly the lines, split anywhere", () => {
  const part = fc.oneof(
    protocolLine.map((line) => ({ line })),
    plainOutput.map((output) => ({ output })),
    nearMiss.map((output) => ({ output })),
  );
  fc.assert(
    fc.property(
      fc.array(part as fc.Arbitrary<{ line?: string; output?: string }>, {
        maxLength: 30,
      }),
      fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 10 }),
      (parts, lengths) => {
        const stream = parts.map(({ line, output }) =>
          line === undefined ? output : `${RS}${line}\n`
        ).join("");
        assertEquals(split(bytes(stream), lengths), {
          output: parts.map(({ output = "" }) => output).join(""),
          messages: parts.filter(({ line }) => line !== undefined)
            .map(({ line }) => meaning(line!)),
        });
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("StdoutSplitter loses and adds no byte of whatever comes", () => {
  const byte = fc.oneof(
    fc.constantFrom(0x1e, 0x0a, 0x0d, 0x2b, 0x20, ...bytes("abort")),
    fc.integer({ min: 0, max: 255 }),
  );
  fc.assert(
    fc.property(
      fc.array(byte, { maxLength: 200 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 }),
      (all, lengths) => {
        const whole = Uint8Array.from(all);
        const { output, messages } = split(whole, lengths);
        // What is missing is lines of the protocol, each between RS and LF.
        // deno-lint-ignore no-control-regex -- these are the bytes
        const lines = text(whole).matchAll(/\x1e([^\x1e\n]*)\n/g).toArray()
          .filter(([, line]) => meaning(line!).kind !== "violation");
        assertEquals(messages.length, lines.length);
        const removed = lines.reduce((sum, [{ length }]) => sum + length, 0);
        assertEquals(output.length + removed, whole.length);
      },
    ),
    { numRuns: 500 },
  );
});

for (
  const [what, stream, output, lines] of [
    ["a separator within a line", `${RS}+a${RS}\n`, `${RS}+a`, [""]],
    ["two separators", `${RS}${RS}\n`, RS, [""]],
    ["a separator at the end", `a${RS}`, `a${RS}`, []],
    ["half a line at the end", `${RS}+note`, `${RS}+note`, []],
    ["a line within a line of output", `a${RS}\nb`, "ab", [""]],
    [
      "a line of 4,096 bytes before CR LF",
      `${RS}+${"x".repeat(4_095)}\r\n`,
      "",
      [`+${"x".repeat(4_095)}`],
    ],
    [
      "a line of 4,097 bytes",
      `${RS}+${"x".repeat(4_096)}\n`,
      `${RS}+${"x".repeat(4_096)}\n`,
      [],
    ],
  ] as const
) {
  Deno.test(`StdoutSplitter reads ${what}`, () => {
    for (const lengths of [[], [1], [2], [3, 1]]) {
      const messages = lines.map(meaning);
      assertEquals(split(bytes(stream), lengths), { output, messages });
    }
  });
}

Deno.test("StdoutSplitter holds back no output that cannot become a line", () => {
  for (
    const stream of [
      "$ ",
      `${RS}{`,
      `${RS}abx`,
      `${RS}\rx`,
      `${RS}abort\rx`,
      `${RS}+${"x".repeat(4_096)}`,
      `${RS}+${"x".repeat(4_098)}`,
    ]
  ) {
    assertEquals(split(bytes(stream), [1], false).output, stream);
    assertEquals(split(bytes(stream), [], false).output, stream);
  }
});

// Real processes

test('Barrier over "stdio" is not broken by a dependency or a helper that prints', async () => {
  await using child = spawnWithBarrier(testdata("printing_over_stdio.ts"), {
    channel: "stdio",
    permissions: { run: true },
    stdout: "piped",
  });
  assertEquals(await Array.fromAsync(child), ["half a line before", "done"]);
  assertEquals(await child.stdout.text(), "imported\nhelper\nabc\n");
});

test('Barrier over "stdio" throws output away that is "null", and takes the barriers', async () => {
  await using child = shell(
    "head -c 1000000 /dev/zero; printf '\\036+done\\n'",
    { channel: "stdio", stdout: "null" },
  );
  assertEquals(await child.ready(), "done");
});

test('BarrierProcess.stdout over "stdio" has what was printed before a barrier', async () => {
  await using child = shell(
    "printf 'before\\036\\n'; read -r _; printf after",
    { channel: "stdio", stdout: "piped" },
  );
  const reader = child.stdout.getReader();
  assert(await child.waitNext());
  const { value } = await reader.read(); // the child says nothing until place()
  assertEquals(new TextDecoder().decode(value), "before");
  child.place();
  const rest = await reader.read();
  assertEquals(new TextDecoder().decode(rest.value), "after");
  await reader.cancel();
});

test('BarrierProcess.status over "stdio" resolves when all output is forwarded, in order', async () => {
  const script =
    'i=0; while [ $i -lt 2000 ]; do printf "line $i\\n\\036\\n"; i=$((i + 1)); done';
  const { stdout } = await runParent(`
    const child = spawnWithBarrier(["sh", "-c", ${json(script)}], {
      channel: "stdio",
    });
    for (let i = 0; i < 2000; i++) child.place();
    console.log(await child.sync(), (await child.status).code);
  `);
  const lines = Array.from({ length: 2_000 }, (_, i) => `line ${i}\n`).join("");
  assertEquals(stdout, `${lines}true 0\n`);
});

Deno.test({
  name: "Barrier over ssh is not broken by a login shell that prints a banner",
  ignore: !isInstalled(SSHD) || !isInstalled("ssh"),
  async fn() {
    await using server = await Sshd.start();
    await using directory = await TempDir.make();
    const profile = `${directory.path}/profile`;
    await Deno.writeTextFile(profile, "echo Welcome; printf 'no end'");
    // The remote command is a shell that reads its profile first, as one does
    // that somebody set up with a banner in the wrong file.
    await using child = spawnWithBarrier(
      server.command(
        "sh",
        "-c",
        `. ${profile}; printf '\\036+ready\\n'; read -r line; printf '\\036+got %s\\n' "$line"`,
      ),
      { channel: "stdio", stdout: "piped" },
    );
    assertEquals(await child.ready(), "ready");
    child.place("this");
    assertEquals(await child.ready(), "got +this");
    assertEquals(await child.stdout.text(), "Welcome\nno end");
  },
});

Deno.test("StdoutSplitter.plainLength() returns how much is output for sure", () => {
  const splitter = new StdoutSplitter();
  const bytes = new TextEncoder().encode("output\n\x1e\noutput");
  assertEquals(splitter.plainLength(bytes), 7);
  assertEquals(splitter.plainLength(bytes.subarray(8)), 7);
  assertEquals(splitter.plainLength(bytes.subarray(7)), 0);
  splitter.read(bytes.subarray(0, 8)); // the end of a line may follow
  assertEquals(splitter.plainLength(bytes.subarray(8)), 0);
  splitter.read(bytes.subarray(8));
  assertEquals(splitter.plainLength(bytes.subarray(8)), 7);
});
