// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The first example of the README and its recipes, run as a reader would. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { isInstalled } from "./_helpers/programs.ts";
import { run, start } from "./_helpers/run.ts";
import { readUntil } from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";

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

/** Writes a block as a module beside an import map, and returns its directory. */
async function write(firstLine: string): Promise<TempDir> {
  const directory = await TempDir.make();
  const imports = {
    "@ipc/barrier": import.meta.resolve("../mod.ts"),
    "@std/async": import.meta.resolve("@std/async"),
  };
  await Deno.writeTextFile(
    `${directory.path}/deno.json`,
    JSON.stringify({ imports }),
  );
  await Deno.writeTextFile(
    `${directory.path}/${firstLine.slice("// ".length)}`,
    block(firstLine),
  );
  return directory;
}

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test({
    name:
      `README.md ends every child in order at ${signal}, and exits with ${code}`,
    ignore: Deno.build.os === "windows",
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

Deno.test("README.md sends a child a value that is larger than a line", async () => {
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
