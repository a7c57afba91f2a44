// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The first example of the README and its recipes, run as a reader would. */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { isInstalled } from "./_helpers/programs.ts";
import { run, start } from "./_helpers/run.ts";
import { readUntil } from "./_helpers/scripts.ts";
import { STOPPING } from "./_helpers/signals.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { IS_UNIX, test } from "./_helpers/unix.ts";

const readme = await Deno.readTextFile(
  new URL("../README.md", import.meta.url),
);

/** The text of the first code block that begins with a line. */
function block(firstLine: string): string {
  const blocks = readme.matchAll(/^```\w+[^\n]*\n(.*?)^```$/gms);
  for (const [, text] of blocks) {
    if (text!.startsWith(`${firstLine}\n`)) return text!;
  }
  throw new Error(`Cannot find a block that begins with "${firstLine}"`);
}

Deno.test("README.md begins with an example that works as it says", async () => {
  const command = "$ deno run --allow-run --allow-env parent.ts";
  const expected = block(command).slice(command.length + 1);
  await using directory = await TempDir.make();
  const write = (name: string, text: string) =>
    Deno.writeTextFile(`${directory.path}/${name}`, text);
  await write("parent.ts", block("// parent.ts"));
  await write("child.ts", block("// child.ts"));
  const imports = {
    "@ipc/barrier": import.meta.resolve("../mod.ts"),
    "@ipc/barrier/inherit": import.meta.resolve("../inherit.ts"),
  };
  await write("deno.json", JSON.stringify({ imports }));

  const args = command.split(" ").slice(2);
  const { code, stdout, stderr } = await run([Deno.execPath(), ...args], {
    cwd: directory.path,
  });
  assertEquals(stderr, "");
  assertEquals(stdout, expected);
  assertEquals(code, 0);
});

/** Writes blocks as modules beside an import map, and returns their directory. */
async function write(...firstLines: string[]): Promise<TempDir> {
  const directory = await TempDir.make();
  const imports = {
    "@ipc/barrier": import.meta.resolve("../mod.ts"),
    "@ipc/barrier/barrier": import.meta.resolve("../barrier.ts"),
    "@ipc/barrier/inherit": import.meta.resolve("../inherit.ts"),
    "@std/assert": import.meta.resolve("@std/assert"),
    "@std/async": import.meta.resolve("@std/async"),
  };
  await Deno.writeTextFile(
    `${directory.path}/deno.json`,
    JSON.stringify({ imports }),
  );
  for (const firstLine of firstLines) {
    await Deno.writeTextFile(
      `${directory.path}/${firstLine.slice("// ".length)}`,
      block(firstLine),
    );
  }
  return directory;
}

/** Type-checks and runs the first of some blocks, and returns what it prints. */
async function runBlocks(
  ...firstLines: [string, ...string[]]
): Promise<string> {
  await using directory = await write(...firstLines);
  const files = firstLines.map((line) => line.slice("// ".length));
  const deno = async (...args: string[]) => {
    const { code, stdout, stderr } = await run([Deno.execPath(), ...args], {
      cwd: directory.path,
      env: { NO_COLOR: "1" },
    });
    assertEquals(code, 0, stderr);
    return stdout.replaceAll(/process \d+/g, "process PID");
  };
  await deno("check", ...files);
  const how = files[0]!.endsWith("_test.ts") ? "test" : "run";
  return await deno(how, "--allow-all", files[0]!);
}

Deno.test("README.md tests a server of one's own, which leaves nothing behind", async () => {
  const stdout = await runBlocks("// server_test.ts", "// server.ts");
  assertStringIncludes(stdout, "ok | 1 passed | 0 failed");
});

Deno.test("README.md runs a server of one's own alone", async () => {
  await using directory = await write("// server.ts");
  const server = start([Deno.execPath(), "run", "--allow-net", "server.ts"], {
    cwd: directory.path,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
  });
  const reader = server.stderr.getReader();
  const port = /localhost:(\d+)\//.exec(await readUntil(reader, "\n"))?.[1];
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assertEquals(await response.text(), "hello");
  server.kill();
  await server.status;
  await reader.cancel();
});

Deno.test({
  name: "README.md shows what a timeout says",
  ignore: !IS_UNIX,
  async fn() {
    const shown = /^```\n(TimeoutError.*?)^```$/ms.exec(readme)?.[1];
    assertEquals(
      await runBlocks("// timeout.ts"),
      shown?.replaceAll(/process \d+/g, "process PID"),
    );
  },
});

Deno.test("README.md takes many children through phases", async () => {
  const stdout = await runBlocks("// phases.ts");
  const all = (phase: string) =>
    `${phase}\n`.repeat(3) + `all are done with "${phase}"\n`;
  assertEquals(stdout, all("load") + all("index"));
});

Deno.test({
  name: "README.md ends all that a shell script has started",
  ignore: !IS_UNIX,
  async fn() {
    const stdout = await runBlocks("// tree.ts");
    const sleeper = Number(/^sleeper (\d+)$/m.exec(stdout)?.[1]);
    assertEquals(
      stdout,
      `sleeper ${sleeper}\nthe parent goes on\nall are gone\n`,
    );
    assertThrows(() => Deno.kill(sleeper, "SIGCONT"), Deno.errors.NotFound);
  },
});

Deno.test("README.md shares a barrier with a worker", async () => {
  assertEquals(
    await runBlocks("// threads.ts", "// thread.ts"),
    "the worker is ready\nthe worker is done\n",
  );
});

for (const [signal, code] of STOPPING) {
  Deno.test({
    name:
      `README.md ends every child in order at ${signal}, and exits with ${code}`,
    ignore: !IS_UNIX,
    async fn() {
      await using directory = await write("// stop.ts");
      const script = start([Deno.execPath(), "run", "-A", "stop.ts"], {
        cwd: directory.path,
        stdin: "null",
        stderr: "inherit",
      });
      const reader = script.stdout.getReader();
      await readUntil(reader, "running\n");
      script.kill(signal);
      assertEquals(
        await readUntil(reader, "database ends\n"),
        "app ends\ndatabase ends\n",
      );
      assertEquals((await script.status).code, code);
      await reader.cancel();
    },
  });
}

test("README.md sends a child a value that is larger than a line", async () => {
  await using directory = await write("// values.ts");
  const { stdout, stderr } = await run(
    [Deno.execPath(), "run", "-A", "values.ts"],
    { cwd: directory.path },
  );
  assertEquals({ stdout, stderr }, {
    stdout: "{ sum: 4999950000 }\n",
    stderr: "",
  });
});

Deno.test({
  name: "README.md polls a program that prints nothing, and stops when it dies",
  ignore: !isInstalled("nginx"),
  async fn() {
    await using directory = await write("// poll.ts");
    const { path } = directory;
    // The system's nginx, with a configuration of the test's.
    const port = freePort();
    const script = (listen: string) =>
      `#!/bin/sh
cat >${path}/nginx.conf <<END
daemon off; pid ${path}/pid; events {}
http { access_log off; server { listen ${listen}; return 200 ok; } }
END
exec ${"$(PATH=/usr/sbin:/usr/bin command -v nginx)"} -p ${path} -c ${path}/nginx.conf -e /dev/null
`;
    await Deno.mkdir(`${path}/bin`);
    const nginx = `${path}/bin/nginx`;
    const source = await Deno.readTextFile(`${path}/poll.ts`);
    await Deno.writeTextFile(
      `${path}/poll.ts`,
      source.replace("http://localhost/", `http://127.0.0.1:${port}/`) +
        'console.log("it serves");',
    );
    const poll = async (listen: string) => {
      await Deno.writeTextFile(nginx, script(listen), { mode: 0o755 });
      return await run([Deno.execPath(), "run", "-A", "poll.ts"], {
        cwd: path,
        env: { PATH: `${path}/bin:${Deno.env.get("PATH")}`, NO_COLOR: "1" },
      });
    };
    const well = await poll(`127.0.0.1:${port}`);
    assertEquals({ ...well, stderr: "" }, {
      code: 0,
      stdout: "it serves\n",
      stderr: "",
    });
    const broken = await poll("nowhere:99999999");
    assertEquals(broken.code, 1);
    assertStringIncludes(broken.stderr, "(nginx) exited with code 1");
  },
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
