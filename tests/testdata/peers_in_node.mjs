// Copyright 2026 the @ipc/barrier authors. MIT license.

// Runs a program of `peers/` in this process, again and again, as to start one for
// each run takes long: `node peers_in_node.mjs <program>`. A line of stdin has the
// calls, the environment and what arrives; a line of stdout has what came of it.

import { Buffer } from "node:buffer";
import process from "node:process";
import { createInterface } from "node:readline";
import { Readable, Writable } from "node:stream";

const { argv, stdin, stdout } = process;
let runs = 0;

for await (const line of createInterface({ input: stdin })) {
  const { input, calls, env } = JSON.parse(line);
  const sent = [];
  const said = [];
  const write = (bytes, _, done) => {
    sent.push(bytes);
    done();
  };
  const pieces = input.length > 0 ? [Buffer.from(input)] : [];
  Object.defineProperties(process, {
    stdin: { value: Readable.from(pieces), configurable: true },
    stdout: { value: new Writable({ write }), configurable: true },
  });
  Object.assign(process.env, env);
  process.argv = [...argv.slice(0, 2), ...calls];
  console.error = (...words) => said.push(`${words.join(" ")}\n`);
  let code = 0;
  try {
    await import(`${argv[2]}?${runs++}`);
  } catch {
    code = 1;
  }
  stdout.write(`${
    JSON.stringify({
      sent: Buffer.concat(sent).toString(),
      said: said.join(""),
      code,
    })
  }\n`);
}
