// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * The programs in `peers/`, byte by byte: nothing of this module
 * stands at the other end of their stdin and stdout.
 */

import {
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { PEER_PROGRAMS, results } from "./_helpers/peers.ts";
import { type CommandLine, start } from "./_helpers/run.ts";
import { readUntil } from "./_helpers/scripts.ts";
import { IS_UNIX } from "./_helpers/unix.ts";

const LINE_MAX = 4096;
const NEWLINE = 0x0a;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type Bytes = string | readonly number[];

/** What must not be sent to a peer, each with examples. */
const VIOLATIONS: Record<string, Bytes[]> = {
  "other text": ["half way\n", "abortion\n", "Abort\n", " \n", "half\r\n"],
  "a line that is too long": [
    `+${"x".repeat(LINE_MAX)}\n`,
    `+${"x".repeat(LINE_MAX)}\r\n`,
    `+${"x".repeat(LINE_MAX)}`,
    `abort ${"x".repeat(LINE_MAX)}\n`,
  ],
  "a line that is too long in bytes, not in characters": [
    `+${"ö".repeat(LINE_MAX / 2)}\n`,
    `+${"ö".repeat(LINE_MAX / 2)}`,
  ],
  "a line that is not UTF-8": [
    [0x80],
    [0xff],
    [0xc3], // half a character
    [0xe2, 0x82],
    [0xf0, 0x9f, 0x98],
    [0xc3, 0x28],
    [0xc1, 0xa9], // overlong
    [0xe0, 0x9f, 0xbf],
    [0xf0, 0x8f, 0xbf, 0xbf],
    [0xed, 0xa0, 0x80], // a surrogate
    [0xed, 0xbf, 0xbf],
    [0xf4, 0x90, 0x80, 0x80], // above U+10FFFF
    [0xf8, 0x88, 0x80, 0x80, 0x80],
  ].map((bytes) => [...encoder.encode("+"), ...bytes, NEWLINE]),
  "a reason that is not UTF-8": [[...encoder.encode("abort "), 0xff, NEWLINE]],
  "a note with a control character": [
    ..."\0\t\r\x1b\x1e\x1f\x7f\x80\x85\x9f",
  ].map((character) => `+half${character}way\n`),
  "a control character in any other line": [
    "\0\n",
    "+\0\n",
    "abort\0\n",
    "abort \x1b[2J\n",
  ],
  "a CR in front of the one that ends a line": ["\r\r\n", "+half way\r\r\n"],
};

/** A program whose stdin and stdout are the channel. */
class Peer {
  readonly #process: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: ReadableStreamDefaultReader<Uint8Array>;
  #heard = "";

  constructor(command: CommandLine, env: Record<string, string> = {}) {
    // Python buffers its output, whatever the environment of the tests says.
    const defaults = { BARRIER_CHANNEL: "stdio", PYTHONUNBUFFERED: "" };
    this.#process = start(command, { env: { ...defaults, ...env } });
    this.#stdin = this.#process.stdin.getWriter();
    this.#stdout = this.#process.stdout.getReader();
  }

  async tell(bytes: Bytes): Promise<void> {
    await this.#stdin.write(toBytes(bytes));
  }

  /** Waits until the peer has sent `end`. */
  async hear(end: string): Promise<void> {
    this.#heard += await readUntil(this.#stdout, end);
    assertStringIncludes(this.#heard, end);
  }

  /** Stops to read, so that the peer cannot write any more. */
  async stopHearing(): Promise<void> {
    await this.#stdout.cancel();
  }

  async hangUp(): Promise<void> {
    await this.#stdin.close();
  }

  /** Waits for the peer's end. */
  async end(): Promise<
    { sent: string; said: string[]; status: Deno.CommandStatus }
  > {
    const [said, status] = await Promise.all([
      new Response(this.#process.stderr).text(),
      this.#process.status,
      this.#readToEnd(),
    ]);
    await this.#stdin.close().catch(() => {}); // it may be closed already
    return { sent: this.#heard, said: results(said), status };
  }

  async #readToEnd(): Promise<void> {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for (;;) {
      const { done, value } = await this.#stdout.read();
      if (done) break;
      chunks.push(new Uint8Array(value));
    }
    this.#heard += decoder.decode(await new Blob(chunks).arrayBuffer());
  }
}

/** What a peer has sent and reported, and its exit code. */
interface Answer {
  sent: string;
  said: string[];
  code: number;
}

/** What runs the program of a language as often as it is asked to. */
const HOSTS: Record<string, string> = {
  Node: "peers_in_node.mjs",
  Python: "peers_in_python.py",
};

/** A process that runs a peer's program as often as it is asked to. */
class PeerHost {
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: ReadableStreamDefaultReader<Uint8Array>;

  constructor(host: string, command: CommandLine) {
    const path = `${import.meta.dirname}/testdata/${host}`;
    const interpreter = command.slice(0, -1) as unknown as CommandLine;
    const process = start([...interpreter, path, command.at(-1)!], {
      env: { PYTHONUNBUFFERED: "" },
      stderr: "inherit",
    });
    addEventListener("unload", () => process.kill("SIGKILL"));
    this.#stdin = process.stdin.getWriter();
    this.#stdout = process.stdout.getReader();
  }

  async run(
    input: Bytes,
    calls: readonly string[],
    env: Record<string, string> = {},
  ): Promise<Answer> {
    const request = {
      input: Array.from(toBytes(input)),
      calls,
      env: { BARRIER_CHANNEL: "stdio", ...env },
    };
    await this.#stdin.write(encoder.encode(`${JSON.stringify(request)}\n`));
    const answer = JSON.parse(await readUntil(this.#stdout, "\n"));
    return { ...answer, said: results(answer.said) };
  }
}

function toBytes(bytes: Bytes): Uint8Array {
  return typeof bytes === "string"
    ? encoder.encode(bytes)
    : Uint8Array.from(bytes);
}

for (const { language, command, waitNext, checks, ignore } of PEER_PROGRAMS) {
  // It runs Node's program, and reads stdin in the same way.
  if (language === "Bun") continue;

  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test({ name: `A ${language} peer ${name}`, ignore, fn });

  const peerOf = (calls: readonly string[], env?: Record<string, string>) =>
    new Peer([...command, ...calls], env);

  /** Runs a peer that receives everything in one piece, and then nothing more. */
  const converseAlone = async (
    input: Bytes,
    calls: readonly string[],
    env?: Record<string, string>,
  ): Promise<Answer> => {
    const peer = peerOf(calls, env);
    if (input.length > 0) await peer.tell(input);
    await peer.hangUp();
    const { sent, said, status } = await peer.end();
    return { sent, said, code: status.code };
  };
  const host = IS_UNIX ? HOSTS[language] : undefined; // Windows has no fork()
  const peers = host !== undefined && !ignore
    ? new PeerHost(host, command)
    : undefined;
  /** Does the same, in a process for all runs where to start one takes long. */
  const converse = (...args: Parameters<typeof converseAlone>) =>
    peers?.run(...args) ?? converseAlone(...args);

  // What it sends

  test("places barriers, with a note and without", async () => {
    const calls = ["place", "place=größe 7", "place=", "place=a=b"];
    const { sent, said } = await converse("", calls);
    assertEquals(sent, "\x1e\n\x1e+größe 7\n\x1e+\n\x1e+a=b\n");
    assertEquals(said, Array(4).fill("place true"));
  });

  test("places a barrier whose note fills a line", async () => {
    const note = "x".repeat(LINE_MAX - 1);
    const { sent } = await converseAlone("", [`place=${note}`]);
    assertEquals(sent, `\x1e+${note}\n`);
  });

  for (
    const [how, call, line] of [
      ["without a reason", "abort", "abort"],
      ["with a reason", "abort=disk full", "abort disk full"],
    ] as const
  ) {
    test(`aborts once ${how}, and then places and waits no more`, async () => {
      const calls = [waitNext, call, "abort=2", "place", waitNext, "sync"];
      const { sent, said } = await converse("\n", calls);
      assertEquals(sent, `\x1e${line}\n`);
      assertEquals(said, [
        `${waitNext} true`,
        "abort true",
        "abort true",
        "place false",
        `${waitNext} false`,
        "sync false",
      ]);
    });
  }

  test("prints in between to the same stdout, in order", async () => {
    const calls = ["print=Hello", "place", "print=half way", "place=1"];
    const { sent } = await converseAlone("", [...calls, "print=bye"]);
    assertEquals(sent, "Hello\n\x1e\nhalf way\n\x1e+1\nbye\n");
  });

  test("places a barrier behind a print that a pipe does not hold", async () => {
    const output = "x".repeat(100_000);
    const { sent } = await converseAlone("", [`print=${output}`, "place"]);
    assertEquals(sent, `${output}\n\x1e\n`);
  });

  test("sends whole lines, though another program prints to its stdout", async () => {
    const notes = Array.from({ length: 500 }, (_, i) => `note ${i}`);
    const peer = new Peer([
      "sh",
      "-c",
      'while :; do echo output; done 2>/dev/null & "$@"; kill $!',
      ...["sh", ...command, waitNext, ...notes.map((note) => `place=${note}`)],
    ]);
    await peer.hear("output\n");
    await peer.tell("\n");
    const { sent } = await peer.end();
    const broken = notes.filter((note) => !sent.includes(`\x1e+${note}\n`));
    assertEquals(broken, []);
  });

  // What it takes

  test("waits for the next barrier, and for its note", async () => {
    const peer = peerOf(["place", waitNext, "place=done"]);
    await peer.hear("\x1e\n");
    await peer.tell("+größe 8\n");
    await peer.hear("\x1e+done\n");
    const { said } = await peer.end();
    assertEquals(said, [
      "place true",
      `${waitNext} true größe 8`,
      "place true größe 8",
    ]);
  });

  test("takes a barrier whose note fills a line", async () => {
    const note = "x".repeat(LINE_MAX - 1);
    const { said } = await converse(`+${note}\n`, [waitNext]);
    assertEquals(said, [`${waitNext} true ${note}`]);
  });

  test("syncs when as many barriers have arrived as it placed", async () => {
    const peer = peerOf(["place", "place=2", "sync", "place=done"]);
    await peer.hear("\x1e\n\x1e+2\n");
    await peer.tell("+first\n+second\n");
    await peer.hear("\x1e+done\n");
    const { said } = await peer.end();
    assertEquals(said[2], "sync true second");
  });

  test("does not wait to sync when it has placed nothing", async () => {
    const peer = peerOf(["sync", "place"]);
    await peer.hear("\x1e\n");
    assertEquals((await peer.end()).said, ["sync true", "place true"]);
  });

  for (
    const [arrived, result] of [[1, "false hung up"], [2, "true"]] as const
  ) {
    test(`goes on from BARRIER_STATE, and syncs with ${arrived} of 2 barriers`, async () => {
      const { said } = await converse("\n".repeat(arrived), ["sync"], {
        BARRIER_STATE: "2",
      });
      assertEquals(said, [`sync ${result}`]);
    });
  }

  // A shell reads byte by byte.
  const lines = checks ? 20_000 : 2_000;
  test(`counts ${lines} lines, wherever its reads cut them`, async () => {
    const input = "+größe 7\r\n\n".repeat(lines / 2);
    const calls = ["sync", "place", "sync"];
    const { said } = await converseAlone(input, calls, {
      BARRIER_STATE: `${lines}`,
    });
    assertEquals(said, [
      "sync true größe 7",
      "place true größe 7",
      "sync false hung up",
    ]);
  });

  test("reads barriers and notes as if there were no CR", async () => {
    const notes = ["half way", "x".repeat(LINE_MAX - 1)];
    const calls = [waitNext, "place=1", waitNext, "place=2", waitNext];
    const peer = peerOf(calls);
    await peer.tell("\r\n");
    await peer.hear("\x1e+1\n");
    await peer.tell(`+${notes[0]}\r\n`);
    await peer.hear("\x1e+2\n");
    await peer.tell(`+${notes[1]}\r\n`);
    const { said } = await peer.end();
    assertEquals(said.filter((line) => line.startsWith(waitNext)), [
      `${waitNext} true`,
      ...notes.map((note) => `${waitNext} true ${note}`),
    ]);
  });

  for (const reason of ["", " disk full"]) {
    test(`reads "abort${reason}" as if there were no CR`, async () => {
      const answer = await converse(`abort${reason}\r\n`, [waitNext]);
      assertEquals(answer.said, [`${waitNext} false${reason}`]);
      assertEquals(answer.sent, "");
    });
  }

  // How it ends

  for (
    const [what, line, reason] of [
      ["an abortion", "abort\n", ""],
      ["an abortion with a reason", "abort disk full\n", " disk full"],
      ["a hang-up", "", " hung up"],
      ["half a note", "+half", " hung up"],
      ["half an abortion", "abort disk full", " hung up"],
      ["half a CR LF", `+${"x".repeat(LINE_MAX - 1)}\r`, " hung up"],
    ] as const
  ) {
    test(`sees ${what}, and then places and waits no more`, async () => {
      const calls = [waitNext, "place", "sync", waitNext];
      const { sent, said } = await converse(line, calls);
      assertEquals(sent, "");
      assertEquals(said, [
        `${waitNext} false${reason}`,
        `place false${reason}`,
        `sync false${reason}`,
        `${waitNext} false${reason}`,
      ]);
    });
  }

  test("takes what was placed before a hang-up", async () => {
    const calls = [waitNext, "place", waitNext];
    const { sent, said } = await converse("+last\n", calls);
    assertEquals(sent, "\x1e\n");
    assertEquals(said, [
      `${waitNext} true last`,
      "place true last",
      `${waitNext} false hung up`,
    ]);
  });

  // What only the others do: bash reads a line at a time, checks none, and is
  // ended by its first write to a peer that is gone.
  if (!checks) continue;

  test("takes all barriers that have arrived", async () => {
    const { said } = await converse("+1\n\n+3\n\n", [waitNext, waitNext]);
    assertEquals(said, [`${waitNext} true 3`, `${waitNext} false hung up`]);
  });

  test("takes nothing that an abort follows", async () => {
    const { said } = await converse("\n\nabort disk full\n", [waitNext]);
    assertEquals(said, [`${waitNext} false disk full`]);
  });

  test("takes nothing that a violation follows", async () => {
    const { said } = await converse("\n\nhalf way\n", [waitNext]);
    assertEquals(said, [`${waitNext} false broke the protocol`]);
  });

  test("looks at nothing that follows an abort", async () => {
    const input = "abort disk full\nhalf way\n";
    const { sent, said } = await converse(input, [waitNext]);
    assertEquals(sent, "");
    assertEquals(said, [`${waitNext} false disk full`]);
  });

  test("reads on when nobody reads its stdout any more", async () => {
    const peer = peerOf([waitNext, "place", "place", "sync", waitNext]);
    await peer.stopHearing();
    await peer.tell("\n");
    await peer.tell("+last\n");
    await peer.hangUp();
    const { said } = await peer.end();
    assertEquals(said.slice(-2), [
      "sync true last",
      `${waitNext} false hung up`,
    ]);
  });

  for (
    const [what, call] of [
      ["a note of two lines", "place=a\nb"],
      ["a note that exceeds a line", `place=${"x".repeat(LINE_MAX)}`],
      ["a note that exceeds a line in bytes", `place=${"ö".repeat(2048)}`],
      ["a reason with a control character", "abort=a\x07b"],
    ] as const
  ) {
    test(`refuses to send ${what}`, async () => {
      const { sent, code } = await converse("", ["place", call, "place"]);
      assertEquals(sent, "\x1e\n");
      assertNotEquals(code, 0);
    });
  }

  for (const [what, lines] of Object.entries(VIOLATIONS)) {
    test(`aborts when it reads ${what}`, async () => {
      for (const line of lines) {
        const { sent, said } = await converse(line, [waitNext, "place"]);
        assertEquals(said, [
          `${waitNext} false broke the protocol`,
          "place false broke the protocol",
        ], `on ${JSON.stringify(line).slice(0, 80)}`);
        assertEquals(sent, "\x1eabort this is not the barrier protocol\n");
      }
    });
  }

  test("takes any other character in a note", async () => {
    const note = "~\u00a0\u07ff\u0800\u2028\u202e\ud7ff\ue000\ufeff\uffff" +
      "\u{10000}\u{10ffff}.";
    const { said } = await converse(`+${note}\n`, [waitNext]);
    assertEquals(said, [`${waitNext} true ${note}`]);
  });
}
