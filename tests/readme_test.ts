// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The programs that the README and the pages in `docs` show, run as a reader would. */

import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { block, BLOCKS } from "./_helpers/pages.ts";
import { freePort } from "./_helpers/free_port.ts";
import { isInstalled } from "./_helpers/programs.ts";
import { type Output, run, start } from "./_helpers/run.ts";
import { readUntil } from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { IS_UNIX } from "./_helpers/unix.ts";

/** The files that the tests below run. */
const tested = new Set<string>();

/** A directory of files that import this module by its name. */
class Files implements AsyncDisposable {
  readonly #directory: TempDir;

  private constructor(directory: TempDir) {
    this.#directory = directory;
  }

  static async make(): Promise<Files> {
    const files = new Files(await TempDir.make());
    const parts = ["barrier", "completion", "inherit", "spawn"];
    const imports = {
      "@ipc/barrier": import.meta.resolve("../mod.ts"),
      ...Object.fromEntries(parts.map((part) => [
        `@ipc/barrier/${part}`,
        import.meta.resolve(`../${part}.ts`),
      ])),
      "@std/assert": import.meta.resolve("@std/assert"),
      "@std/async": import.meta.resolve("@std/async"),
    };
    await Deno.writeTextFile(
      `${files.path}/deno.json`,
      JSON.stringify({ imports }),
    );
    return files;
  }

  get path(): string {
    return this.#directory.path;
  }

  async write(names: Iterable<string>): Promise<void> {
    for (const name of names) {
      await Deno.writeTextFile(`${this.path}/${name}`, block(`// ${name}`));
    }
  }

  /** Installs a script, which is used instead of the program of that name. */
  async install(program: string, script: string): Promise<void> {
    await Deno.mkdir(`${this.path}/bin`, { recursive: true });
    await Deno.writeTextFile(`${this.path}/bin/${program}`, script, {
      mode: 0o755,
    });
  }

  /** Runs Deno with a file, which has to succeed. */
  async run(file: string): Promise<string> {
    const { code, stdout, stderr } = await this.output(
      [Deno.execPath(), "run", "--allow-all", file],
    );
    assertEquals(code, 0, stderr);
    return stdout.replaceAll(/process \d+/g, "process PID");
  }

  output(command: [string, ...string[]]): Promise<Output> {
    const path = `${this.path}/bin:${Deno.env.get("PATH")}`;
    return run(command, {
      cwd: this.path,
      env: { NO_COLOR: "1", PATH: path },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}

/** Defines a test of files that pages show. */
function test(
  name: string,
  names: string[],
  fn: (files: Files) => Promise<void>,
  { ignore = false }: { ignore?: boolean } = {},
): void {
  for (const name of names) tested.add(name);
  Deno.test({
    name,
    ignore,
    async fn() {
      await using files = await Files.make();
      await files.write(names);
      await fn(files);
    },
  });
}

const REDIS = `import { spawnWithBarrier } from "@ipc/barrier";

await using redis = `;

Deno.test({
  name: "README.md begins with an example that starts redis, and stops it",
  ignore: !isInstalled("redis-server"),
  async fn() {
    const shown = BLOCKS.find(({ text }) => text.startsWith(REDIS))!;
    await using files = await Files.make();
    const port = freePort();
    await Deno.writeTextFile(
      `${files.path}/redis.ts`,
      shown.text.replace('"7000"', `"${port}"`) +
        `using connection = await Deno.connect({ port: ${port} });
        await connection.write(new TextEncoder().encode("PING\\r\\n"));
        const answer = new Uint8Array(7);
        await connection.read(answer);
        console.log(new TextDecoder().decode(answer));`,
    );
    const stdout = await files.run("redis.ts");
    assertStringIncludes(stdout, "+PONG\r\n");
    await assertRejects(
      () => Deno.connect({ port }),
      Deno.errors.ConnectionRefused,
    );
  },
});

test(
  "README.md has a quick start that prints what it says",
  ["parent.ts", "child.ts"],
  async (files) => {
    const command = "$ deno run --allow-run --allow-env --allow-net parent.ts";
    const expected = block(command).slice(command.length + 1);
    const [, , ...args] = command.split(" ");
    const output = await files.output([Deno.execPath(), ...args]);
    assertEquals(output, { code: 0, stdout: expected, stderr: "" });
  },
);

test(
  "README.md starts what npm run starts, and stops all of it",
  ["dev.ts"],
  async (files) => {
    // It prints a line as Vite does, below a shell that npm starts.
    await Deno.writeTextFile(
      `${files.path}/dev.sh`,
      "sleep 1000 & echo $! >pid\n" +
        'echo "already in use"; echo "  VITE v8  ready in 99 ms"; wait',
    );
    await Deno.writeTextFile(
      `${files.path}/package.json`,
      JSON.stringify({ scripts: { dev: "sh dev.sh" } }),
    );
    assertStringIncludes(
      await files.run("dev.ts"),
      "  VITE v8  ready in 99 ms\n",
    );
    const pid = Number(await Deno.readTextFile(`${files.path}/pid`));
    assertThrows(() => Deno.kill(pid, "SIGCONT"), Deno.errors.NotFound);
  },
  { ignore: !IS_UNIX || !isInstalled("npm") },
);

test(
  "recipes.md tests a server of one's own, which leaves nothing behind",
  ["server_test.ts", "server.ts"],
  async (files) => {
    const { code, stdout, stderr } = await files.output(
      [Deno.execPath(), "test", "--no-check", "--allow-all", "server_test.ts"],
    );
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "ok | 1 passed | 0 failed");
  },
);

test("recipes.md runs a server of one's own alone", ["server.ts"], async (
  { path },
) => {
  const server = start([Deno.execPath(), "run", "--allow-net", "server.ts"], {
    cwd: path,
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

test(
  "channels.md joins a server and a page by a WebSocket",
  ["socket_server.ts", "socket_page.ts"],
  async (files) => {
    const port = freePort();
    const use = async (file: string, from: string, to: string) => {
      const source = await Deno.readTextFile(`${files.path}/${file}`);
      await Deno.writeTextFile(
        `${files.path}/${file}`,
        source.replace(from, to),
      );
    };
    await use("socket_server.ts", "serve((", `serve({ port: ${port} }, (`);
    await use("socket_page.ts", ":8000", `:${port}`);
    const server = start(
      [Deno.execPath(), "run", "--allow-net", "socket_server.ts"],
      { cwd: files.path, env: { NO_COLOR: "1" }, stdin: "null" },
    );
    const [stdout, stderr] = [server.stdout, server.stderr].map((stream) =>
      stream.getReader()
    );
    await readUntil(stderr!, "Listening on");
    assertEquals(await files.run("socket_page.ts"), "go on\n");
    assertEquals(await readUntil(stdout!, "\n"), "the page is ready\n");
    server.kill();
    await server.status;
    await Promise.all([stdout!.cancel(), stderr!.cancel()]);
  },
);

for (const file of ["timeout.ts", "migrate.ts", "first.ts"]) {
  test(
    `recipes.md shows the errors that ${file} prints`,
    [file],
    async (files) => {
      const program = BLOCKS.findIndex(({ text }) =>
        text.startsWith(`// ${file}\n`)
      );
      assertEquals(
        await files.run(file),
        BLOCKS[program + 1]!.text.replaceAll(/process \d+/g, "process PID"),
      );
    },
    { ignore: !IS_UNIX },
  );
}

test(
  "recipes.md prints the lines of a child with a prefix",
  ["prefix.ts"],
  async (files) => {
    assertEquals(await files.run("prefix.ts"), "[api] listening\n");
  },
  { ignore: !IS_UNIX },
);

test("recipes.md takes many children through phases", ["phases.ts"], async (
  files,
) => {
  const lines = (await files.run("phases.ts")).trimEnd().split("\n");
  const phases = [lines.slice(0, 4), lines.slice(4)];
  const results = { load: "4,4,4", index: "5,5,5" };
  assertEquals(
    phases.map((phase) => [...phase.slice(0, 3).sort(), ...phase.slice(3)]),
    Object.entries(results).map(([phase, result]) => [
      ...["a", "b", "c"].map((name) => `[${name}] ${phase}`),
      `all have finished "${phase}": ${result}`,
    ]),
  );
});

test(
  "recipes.md stops all that a shell script has started",
  ["tree.ts"],
  async (files) => {
    const stdout = await files.run("tree.ts");
    const sleeper = Number(/^sleeper (\d+)$/m.exec(stdout)?.[1]);
    assertEquals(
      stdout,
      `sleeper ${sleeper}\nthe script continues\nall have exited\n`,
    );
    assertThrows(() => Deno.kill(sleeper, "SIGCONT"), Deno.errors.NotFound);
  },
  { ignore: !IS_UNIX },
);

test(
  "recipes.md stops every child in order at SIGTERM, and exits with 143",
  ["stop.ts"],
  async ({ path }) => {
    const script = start([Deno.execPath(), "run", "-A", "stop.ts"], {
      cwd: path,
      stdin: "null",
      stderr: "inherit",
    });
    const reader = script.stdout.getReader();
    await readUntil(reader, "running\n");
    script.kill("SIGTERM");
    assertEquals(
      await readUntil(reader, "database exits\n"),
      "app exits\ndatabase exits\n",
    );
    assertEquals((await script.status).code, 143);
    await reader.cancel();
  },
  { ignore: !IS_UNIX },
);

test(
  "recipes.md sends a child a value that is larger than a line",
  ["values.ts"],
  async (files) => {
    assertEquals(await files.run("values.ts"), "{ sum: 4999950000 }\n");
  },
  { ignore: !IS_UNIX },
);

test(
  "recipes.md waits until nginx answers, and fails if it exits",
  ["nginx.ts"],
  async (files) => {
    const { path } = files;
    // The system's nginx, with a configuration of the test's.
    const port = freePort();
    const url = `http://127.0.0.1:${port}/`;
    const script = (listen: string) =>
      `#!/bin/sh
cat >${path}/nginx.conf <<END
daemon off; pid ${path}/pid; events {}
http { access_log off; server { listen ${listen}; return 200 ok; } }
END
exec ${"$(PATH=/usr/sbin:/usr/bin command -v nginx)"} -p ${path} -c ${path}/nginx.conf -e /dev/null
`;
    const source = await Deno.readTextFile(`${path}/nginx.ts`);
    await Deno.writeTextFile(
      `${path}/nginx.ts`,
      source.replace("http://localhost/", url),
    );
    await files.install("nginx", script(`127.0.0.1:${port}`));
    assertEquals(await files.run("nginx.ts"), `nginx serves ${url}\n`);
    await files.install("nginx", script("nowhere:99999999"));
    const { code, stderr } = await files.output(
      [Deno.execPath(), "run", "--allow-all", "nginx.ts"],
    );
    assertEquals(code, 1);
    assertStringIncludes(stderr, "(nginx) exited with code 1");
  },
  { ignore: !isInstalled("nginx") },
);

test(
  "recipes.md waits until pg_isready succeeds",
  ["postgres.ts"],
  async (files) => {
    // services_test.ts has the real one, which does not run as root.
    const ready = `${files.path}/ready`;
    await files.install(
      "postgres",
      `#!/bin/sh\nsleep 0.3; echo "$@" >${ready}; exec sleep 1000\n`,
    );
    await files.install("pg_isready", `#!/bin/sh\ntest -s ${ready}\n`);
    assertEquals(
      await files.run("postgres.ts"),
      "PostgreSQL accepts connections\n",
    );
    assertEquals(await Deno.readTextFile(ready), "-D data\n");
  },
  { ignore: !IS_UNIX },
);

test(
  "channels.md shares a barrier with a worker",
  ["threads.ts", "thread.ts"],
  async (files) => {
    assertEquals(
      await files.run("threads.ts"),
      "the worker is ready\nthe worker is done\n",
    );
  },
);

test(
  "security.md keeps a child from the terminal that its parent has",
  ["no_terminal.ts"],
  async (files) => {
    const command = `'${Deno.execPath()}' run --allow-all no_terminal.ts`;
    const { stdout } = await files.output(
      ["script", "-qec", command, "/dev/null"],
    );
    assertMatch(stdout, /not a tty/);
    assertMatch(stdout, /cannot create \/dev\/tty/);
  },
  { ignore: Deno.build.os !== "linux" || !isInstalled("script") },
);

Deno.test("Every program that a page shows type-checks", async () => {
  await using files = await Files.make();
  const names = [...tested, ...ONLY_CHECKED];
  await files.write(names);
  const { code, stderr } = await files.output(
    [Deno.execPath(), "check", ...names],
  );
  assertEquals(code, 0, stderr);
});

/** Programs whose servers are not there; remote_test.ts has one for ssh. */
const ONLY_CHECKED = ["remote.ts"];

/** What is not a program, or is run elsewhere. */
const NOT_RUN = {
  pages: ["PROTOCOL.md"], // protocol_test.ts and exec_test.ts
  infos: [
    "ts", // documentation_test.ts
    "mermaid",
    "console", // what a command prints, which is compared above
    "", // what a program prints
  ],
  beginnings: [
    REDIS,
    "deno add jsr:@ipc/barrier\n",
    "npx -y deno@2.9 task demo", // consumer_test.ts
    "// parent.mjs\n", // runtimes_test.ts
  ],
};

Deno.test("Every program that a page shows is run by a test", () => {
  const others = BLOCKS.filter(({ page, info, text }) =>
    !NOT_RUN.pages.includes(page) && !NOT_RUN.infos.includes(info) &&
    !NOT_RUN.beginnings.some((beginning) => text.startsWith(beginning)) &&
    ![...tested, ...ONLY_CHECKED].some((name) =>
      text.startsWith(`// ${name}\n`)
    )
  );
  assertEquals(others.map(({ page, text }) => [page, text]), []);
});
