// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What a careless or hostile argument, directory or environment cannot do. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Barrier, spawnWithBarrier } from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { PYTHON } from "./_helpers/programs.ts";
import { run } from "./_helpers/run.ts";
import {
  dataUrl,
  inheritingModule,
  json,
  parentModule,
  runParent,
  runTestdata,
  shell,
} from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { test } from "./_helpers/unix.ts";

// Modules

for (const spelling of ["plugin.ts", "./plugin.ts", "/", "file:"] as const) {
  Deno.test(`spawnWithBarrier() runs no task or script in place of a missing module ${spelling}`, async () => {
    await using directory = await TempDir.make();
    const path = `${directory.path}/plugin.ts`;
    const url = new URL(`file://${path}`).href;
    const module = { "/": path, "file:": url }[spelling as string] ?? spelling;
    const scripts = Object.fromEntries(
      ["plugin.ts", "./plugin.ts", path, url].map((name) => [
        name,
        "echo ran >ran",
      ]),
    );
    await Deno.writeTextFile(
      `${directory.path}/package.json`,
      JSON.stringify({ scripts }),
    );
    await Deno.writeTextFile(
      `${directory.path}/deno.json`,
      JSON.stringify({
        tasks: { "plugin.ts": "echo ran >ran", "./plugin.ts": "echo ran >ran" },
      }),
    );
    await using child = spawnWithBarrier(module, {
      cwd: directory.path,
      stderr: "piped",
    });
    assertStringIncludes(await child.stderr.text(), "Module not found");
    assertEquals((await child.status).code, 1);
    await assertRejects(
      () => Deno.stat(`${directory.path}/ran`),
      Deno.errors.NotFound,
    );
  });
}

Deno.test("spawnWithBarrier() takes a string that is not a URL for a path, whatever it looks like", async () => {
  await using directory = await TempDir.make();
  for (const name of ["test", "-A", "a b.ts", "x.ts"]) {
    const path = `${directory.path}/${name}`;
    await Deno.writeTextFile(path, "console.log(`ran ${Deno.args}`)");
    await using child = spawnWithBarrier(name, {
      args: ["--allow-read", "-"],
      cwd: directory.path,
      denoArgs: ["--ext=js"],
      stdout: "piped",
    });
    assertEquals(await child.stdout.text(), "ran --allow-read,-\n");
  }
});

Deno.test("spawnWithBarrier() passes the flags of 'deno run' on in 'denoArgs'", async () => {
  await using directory = await TempDir.make();
  await Deno.writeTextFile(
    `${directory.path}/map.json`,
    JSON.stringify({
      imports: { "dep": "data:text/javascript,export default 5" },
    }),
  );
  await Deno.writeTextFile(
    `${directory.path}/main.ts`,
    "import dep from 'dep'; console.log(dep, typeof Deno.openKv, typeof gc);",
  );
  await using child = spawnWithBarrier("main.ts", {
    cwd: directory.path,
    denoArgs: [
      "--no-config",
      "--import-map",
      "map.json",
      "--v8-flags=--expose-gc",
      "--unstable-kv",
      "--cached-only",
    ],
    stdout: "piped",
  });
  assertEquals(await child.stdout.text(), "5 function function\n");
});

for (
  const [what, flags] of [
    ["--cached-only", ["--cached-only"]],
    ["--no-remote --no-npm", ["--no-remote", "--no-npm"]],
  ] as const
) {
  for (
    const [how, target] of [
      ["static", "https://jsr.io/x.ts"],
      ["dynamic", "npm:no-such-package@1"],
    ] as const
  ) {
    Deno.test(`spawnWithBarrier() with ${what} lets a ${how} import load nothing new`, async () => {
      await using directory = await TempDir.make();
      {
        await using child = spawnWithBarrier(
          dataUrl(
            how === "static"
              ? `import "${target}"; console.log("imported");`
              : `await import(${json(target)}); console.log("imported");`,
          ),
          {
            denoArgs: flags,
            env: { DENO_DIR: directory.path },
            stderr: "piped",
            stdout: "piped",
          },
        );
        assertEquals(await child.stdout.text(), "");
        const stderr = await child.stderr.text();
        assert(
          /cache|remote|npm/.test(stderr) && !stderr.includes("Download"),
          stderr,
        );
        assertEquals((await child.status).code, 1);
      }
    });
  }
}

Deno.test("spawnWithBarrier() with --cached-only lets through what is cached", async () => {
  await using directory = await TempDir.make();
  const env = { DENO_DIR: directory.path };
  let url: string;
  {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () =>
        new Response("console.log('cached');", {
          headers: { "content-type": "text/javascript" },
        }),
    );
    url = `http://127.0.0.1:${server.addr.port}/module.js`;
    const cached = await run(
      [Deno.execPath(), "cache", "--allow-import", url],
      { env },
    );
    assertEquals(cached.code, 0, cached.stderr);
  }
  await using child = spawnWithBarrier(dataUrl(`import "${url}";`), {
    denoArgs: ["--cached-only"],
    env,
    permissions: { import: [new URL(url).host] },
    stdout: "piped",
  });
  assertEquals(await child.stdout.text(), "cached\n");
});

Deno.test("Examples name no stream that the channel of any system refuses", async () => {
  for await (const { name, isFile } of Deno.readDir("examples")) {
    if (!isFile) continue;
    const source = await Deno.readTextFile(`examples/${name}`);
    assertFalse(/stdin: "(?!null)|stdout: "inherit"/.test(source), name);
  }
});

// The environment of a child

const INVALID: readonly [channel: string, message: string][] = [
  ["fd:0", "TypeError Cannot inherit a barrier: the channel must be"],
  ["fd:1", "TypeError Cannot inherit a barrier: the channel must be"],
  ["fd:2", "TypeError Cannot inherit a barrier: the channel must be"],
  [
    "fd:3",
    "BadResource Cannot inherit a barrier: file descriptor 3 is not a pipe or a connected socket",
  ],
  [
    "fd:7",
    "BadResource Cannot inherit a barrier: file descriptor 7 is not a pipe or a connected socket",
  ],
  ["\x1b[31m\u202e", 'received "\\u001b[31m'],
];

test("inheritBarrier() rejects for any other BARRIER_CHANNEL, and the process goes on", async () => {
  const channels = INVALID.map(([channel]) => channel);
  const { code, stderr } = await runTestdata("invalid_channel.ts", channels);
  const lines = stderr.trimEnd().split("\n");
  assertEquals(lines.length, INVALID.length, stderr);
  for (const [index, [, message]] of INVALID.entries()) {
    assertStringIncludes(lines[index]!, message);
  }
  assertFalse(stderr.includes("\u202e") || stderr.includes("\x1b[31m"));
  assertEquals(code, 0);
});

for (const family of ["AF_UNIX", "AF_INET"]) {
  Deno.test({
    name:
      `inheritBarrier() rejects for a socket of ${family} at descriptor 3 that listens`,
    ignore: PYTHON === undefined,
    async fn() {
      await using directory = await TempDir.make();
      const address = family === "AF_UNIX"
        ? json(`${directory.path}/socket`)
        : '("127.0.0.1", 0)';
      const script = `
import os, socket, sys
s = socket.socket(socket.${family})
s.bind(${address})
s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.execvp(sys.argv[1], sys.argv[1:])
`;
      const module = parentModule(`
        await inheritBarrier().catch((error) => console.log(error.name));
        await inheritBarrier({ channel: "fd" }).catch((error) =>
          console.log(error.name)
        );
        console.log(await inheritBarrier({ optional: true }));
      `);
      const { stdout } = await run([
        ...PYTHON!,
        "-c",
        script,
        Deno.execPath(),
        "run",
        "--no-prompt",
        module,
      ]);
      assertEquals(stdout, "NotFound\nBadResource\nundefined\n");
    },
  });
}

test("inheritBarrier() without a barrier resolves to undefined if optional, or rejects", async () => {
  for (const permissions of [[], ["--allow-env"]]) {
    const { stdout } = await runParent(
      `
      console.log(await inheritBarrier({ optional: true }));
      await inheritBarrier().catch((error) => console.log(error.name));
      `,
      permissions,
    );
    assertEquals(stdout, "undefined\nNotFound\n");
  }
});

// What reaches a terminal

const NASTY = "\u202eevil\u2028\u2069";
const SHOWN = "\\u{202e}evil\\u{2028}\\u{2069}";

test("BarrierAbortedError and Barrier.note show direction and line separators escaped", async () => {
  await using child = shell(`printf '+${NASTY}\\nabort ${NASTY}\\n' >&3`);
  assert(await child.waitAbortion());
  assertEquals(
    child.signal.reason.message,
    `Barrier aborted by the peer: ${SHOWN}`,
  );
  await using other = shell(`printf '+${NASTY}\\n' >&3`);
  assertEquals(await other.ready(), SHOWN);
});

Deno.test("Barrier.place() throws for direction and line separators", () => {
  const [parent] = Barrier.pair();
  assertThrows(() => parent.place(NASTY), TypeError, "Cannot send note");
  assertFalse(parent.isAborted);
});

Deno.test("BarrierAbortedError of a worker shows what it throws escaped", async () => {
  const worker = new Worker(
    dataUrl(`throw new Error("\\u202e\\x1b[31m\\nred")`),
    { type: "module" },
  );
  const barrier = Barrier.over(worker);
  assertFalse(await barrier.waitNext());
  worker.terminate();
  const { message } = barrier.signal.reason;
  assertStringIncludes(message, "\\u{202e} red");
  for (const char of "\x1b\n\u202e") assertFalse(message.includes(char));
});

for (const channel of CHANNELS) {
  test(`inheritBarrier() reads lines that end in CR LF over "${channel}"`, async () => {
    await using child = spawnWithBarrier(
      inheritingModule(`
        const barrier = await inheritBarrier({ channel: "${channel}" });
        barrier.place(await barrier.waitNext() ? barrier.note : "lost");
      `),
      { channel },
    );
    child.place("text");
    assertEquals(await child.ready(), "text");
    const rs = channel === "fd" ? "" : "\\036";
    await using other = shell(
      `printf '${rs}+note\\r\\n${rs}\\r\\n' >&${channel === "fd" ? 3 : 1}`,
      { channel },
    );
    await other.exited;
    other.place();
    other.place();
    assert(await other.sync());
    assertEquals(other.note, "note");
  });
}
