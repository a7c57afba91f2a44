// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Children end with their parent, shown with real ones in a real terminal. */

import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { allGone, workingIn } from "./_helpers/process_table.ts";
import { isInstalled } from "./_helpers/programs.ts";
import { json } from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { CTRL_C, hasTerminal, Terminal } from "./_helpers/terminal.ts";

const ignore = Deno.build.os !== "linux" || !hasTerminal;

const IMPORTS = `
  import { runMain, spawnWithBarrier } from ${
  json(import.meta.resolve("../mod.ts"))
};
`;

/** A shell script that does something at a signal, and else nothing. */
function script(
  traps: Partial<Record<"INT" | "TERM" | "HUP", string>>,
  ready = "echo ready",
): string {
  const set = Object.entries(traps).map(([signal, action]) =>
    `trap '${action}' ${signal}`
  );
  return [...set, ready, "while :; do sleep 0.05; done"].join("\n");
}

/** The source of a call that starts a script and waits until it is ready. */
function start(source: string, options: Record<string, unknown> = {}): string {
  const given = json({ stopGracePeriod: 60_000, ...options });
  return `
    await using child = spawnWithBarrier(["sh", "-c", ${json(source)}], {
      readyLine: /^ready$/,
      ...${given},
    });
    await child.ready();
  `;
}

/** A program that runs in a terminal, in a directory of its own. */
class Session implements AsyncDisposable {
  readonly directory: TempDir;
  readonly terminal: Terminal;

  private constructor(directory: TempDir, terminal: Terminal) {
    this.directory = directory;
    this.terminal = terminal;
  }

  /**
   * Writes a module, and runs it.
   *
   * @param args What runs it, if not `deno run`.
   */
  static async start(
    source: string,
    args: readonly string[] = ["run", "--allow-all"],
    file = "main.ts",
  ): Promise<Session> {
    const directory = await TempDir.make();
    const { path } = directory;
    await Deno.writeTextFile(`${path}/${file}`, `${IMPORTS} ${source}`);
    const command = args[0] === "npm"
      ? args
      : [Deno.execPath(), ...args, ...args[0] === "task" ? [] : [file]];
    const terminal = new Terminal(command as [string, ...string[]], {
      cwd: path,
      env: { NO_COLOR: "1" },
    });
    return new Session(directory, terminal);
  }

  /** Waits until the program has ended, and nothing that it has started runs. */
  async ended(): Promise<Deno.CommandStatus> {
    const status = await this.terminal.ended();
    await this.gone();
    return status;
  }

  /** What scripts have noted in a file. */
  async log(): Promise<string> {
    try {
      return await Deno.readTextFile(`${this.directory.path}/log`);
    } catch {
      return "";
    }
  }

  /** Waits until nothing runs in the directory. */
  async gone(): Promise<void> {
    await allGone(() => workingIn(this.directory.path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminal[Symbol.asyncDispose]();
    // What a failed test has left.
    for (const pid of await workingIn(this.directory.path)) {
      Deno.kill(pid, "SIGKILL");
    }
    await this.directory[Symbol.asyncDispose]();
  }
}

/** A main program that waits for its child. */
const WAIT = `console.log("running"); await child.status;`;

/** Children, and what they note at their end after Ctrl-C. */
const CHILDREN = [
  [
    "a child in a process group of its own",
    start(script({ TERM: "echo stops >>log; exit" }), { processGroup: true }),
    "stops\n",
  ],
  [
    "a child that takes its time after the terminal's Ctrl-C",
    start(
      script({
        INT: "echo interrupted >>log; sleep 0.3; echo stops >>log; exit",
        TERM: "echo terminated >>log",
      }),
    ),
    "interrupted\nstops\n",
  ],
  [
    "a child that ignores the terminal's Ctrl-C, after a second",
    start(script({ INT: "", TERM: "echo stops >>log; exit" })),
    "stops\n",
  ],
  [
    "a child that ignores every signal, by SIGKILL",
    start(script({ INT: "", TERM: "" }), { stopGracePeriod: 100 }),
    "",
  ],
  [
    "what a wrapper has started that exits first",
    start(
      `trap exit TERM
      (${script({ TERM: "sleep 0.2; echo stops >>log; exit" })}) &
      wait`,
      { processGroup: true },
    ),
    "stops\n",
  ],
  [
    "what a wrapper has left behind",
    start(
      `(${script({ TERM: "echo stops >>log; exit" })}) & sleep 0.1`,
      { processGroup: true },
    ) + "await child.exited;",
    "stops\n",
  ],
] as const;

for (const [what, source, noted] of CHILDREN) {
  Deno.test({
    name: `endWithParent ends ${what}, at Ctrl-C`,
    ignore,
    async fn() {
      await using session = await Session.start(
        what.includes("left behind")
          ? source +
            "console.log('running'); await new Promise(() => setInterval(() => {}, 1000));"
          : source + WAIT,
      );
      const { terminal } = session;
      await terminal.until("running\n");
      await terminal.type(CTRL_C);
      const { signal } = await session.ended();
      assertEquals(await session.log(), noted);
      assertEquals(signal, "SIGINT");
    },
  });
}

Deno.test({
  name: "endWithParent ends a child when the terminal is closed",
  ignore,
  async fn() {
    await using session = await Session.start(
      start(script({ TERM: "exit" }), { processGroup: true }) + WAIT,
    );
    await session.terminal.until("running\n");
    await session.terminal.close();
    assertEquals((await session.ended()).signal, "SIGHUP");
  },
});

for (const kind of ["endWithParent", "runMain()"]) {
  Deno.test({
    name: `${kind} kills a child at the second Ctrl-C`,
    ignore,
    async fn() {
      const body =
        start(script({ TERM: "echo stays" }), { processGroup: true }) +
        (kind === "runMain()"
          ? `console.log("running"); await child.finished({ signal });`
          : WAIT);
      await using session = await Session.start(
        kind === "runMain()"
          ? `await runMain(async (signal) => { ${body} });`
          : body,
      );
      const { terminal } = session;
      await terminal.until("running\n");
      await terminal.type(CTRL_C);
      await terminal.until("stays\n");
      const timer = setInterval(() => terminal.type(CTRL_C), 50);
      const { signal } = await session.ended();
      clearInterval(timer);
      assertEquals(signal, "SIGINT");
    },
  });
}

Deno.test({
  name:
    "runMain() ends children in the order of the blocks at Ctrl-C, and says what it waits for",
  ignore,
  async fn() {
    const child = (name: string, pause: number) => `
      await using ${name} = spawnWithBarrier(
        ["sh", "-c", ${
      json(script({ TERM: `sleep ${pause}; echo ${name} stops >>log; exit` }))
    }],
        { readyLine: /^ready$/, processGroup: true, name: "${name}" },
      );
      await ${name}.ready({ signal });
    `;
    await using session = await Session.start(`
      await runMain(async (signal) => {
        ${child("database", 0)}
        ${child("app", 1.5)}
        console.log("running");
        await app.finished({ signal });
      });
    `);
    const { terminal } = session;
    await terminal.until("running\n");
    await terminal.type(CTRL_C);
    const { signal } = await session.ended();
    assertEquals(
      /^Waiting.*\n/m.exec(terminal.output)?.[0].replaceAll(/\d+ /g, "PID "),
      "Waiting for child process PID (app) to exit; press Ctrl-C again to kill it\n",
    );
    assertEquals(await session.log(), "app stops\ndatabase stops\n");
    assertEquals(signal, "SIGINT");
  },
});

for (const runner of ["deno task", "npm"] as const) {
  Deno.test({
    name: `runMain() cleans up at a Ctrl-C that ${runner} passes on as well`,
    ignore: ignore || (runner === "npm" && !isInstalled("npm")),
    async fn() {
      const source = `
        import process from "node:process";
        await runMain(async (signal) => {
          const directory = await Deno.makeTempDir({ dir: "." });
          ${start(script({ TERM: "sleep 0.3; exit" }), { processGroup: true })}
          console.log("running");
          try {
            await child.finished({ signal });
          } finally {
            await child.stop();
            await Deno.remove(directory);
            console.log("clean");
          }
        });
      `;
      await using directory = await TempDir.make();
      await Deno.writeTextFile(
        `${directory.path}/main.ts`,
        `${IMPORTS} ${source}`,
      );
      const command = "deno run --allow-all main.ts";
      await Deno.writeTextFile(
        `${directory.path}/${runner === "npm" ? "package" : "deno"}.json`,
        json({ [runner === "npm" ? "scripts" : "tasks"]: { dev: command } }),
      );
      await using terminal = new Terminal(
        runner === "npm"
          ? ["npm", "run", "dev"]
          : [Deno.execPath(), "task", "dev"],
        { cwd: directory.path },
      );
      await terminal.until("running\n");
      await terminal.type(CTRL_C);
      await terminal.ended();
      await allGone(() => workingIn(directory.path));
      assert(terminal.output.includes("clean\n"), terminal.output);
    },
  });
}

for (const how of ["a restart", "Ctrl-C"]) {
  Deno.test({
    name: `endWithParent ends a child at ${how} of deno run --watch`,
    ignore,
    async fn() {
      const source = start(
        // It takes longer than Deno waits before a restart.
        script(
          { TERM: "sleep 1; echo stops >>log; exit" },
          "echo pid $$; echo ready",
        ),
        { processGroup: true },
      ) + `console.log("running"); await child.status;`;
      await using session = await Session.start(source, [
        "run",
        "--allow-all",
        "--watch",
      ]);
      const { terminal, directory } = session;
      await terminal.until("running\n");
      if (how === "Ctrl-C") {
        await terminal.type(CTRL_C);
        // Deno exits with 0 if it takes more than half a second.
        await session.ended();
        assertEquals(await session.log(), "stops\n");
        return;
      }
      const first = /pid (\d+)/.exec(terminal.output)![1]!;
      // A watcher that has just started can miss a change.
      let changes = 0;
      const timer = setInterval(() => {
        Deno.writeTextFileSync(
          `${directory.path}/main.ts`,
          `${IMPORTS} ${source} // ${changes++}`,
        );
      }, 1_000);
      await terminal.until("running\n", 2);
      clearInterval(timer);
      await allGone(async () =>
        (await workingIn(directory.path)).filter((pid) => pid === Number(first))
      );
      assertMatch(await session.log(), /^stops\n/);
      await terminal.type(CTRL_C);
      await session.ended();
    },
  });
}

Deno.test({
  name:
    "endWithParent ends a child without a process group at Ctrl-C of deno test",
  ignore,
  async fn() {
    await using session = await Session.start(
      `Deno.test("serves", async () => {
        ${start(script({ INT: "exit", TERM: "exit" }))}
        // The child can end before Deno has seen Ctrl-C, and the test must not.
        setInterval(() => {}, 1_000);
        console.log("running");
        await new Promise(() => {});
      });`,
      ["test", "--no-check", "--allow-all"],
      "main_test.ts",
    );
    await session.terminal.until("running\n");
    await session.terminal.type(CTRL_C);
    assertEquals((await session.ended()).code, 130);
  },
});

Deno.test({
  name: "endWithParent ends a process group at the SIGTERM of deno test",
  ignore,
  async fn() {
    await using session = await Session.start(
      `Deno.test("serves", async () => {
        ${start(script({ TERM: "exit" }), { processGroup: true })}
        console.log("running");
        setTimeout(() => Deno.kill(Deno.pid, "SIGTERM"));
        await child.status;
      });`,
      ["test", "--no-check", "--allow-all"],
      "main_test.ts",
    );
    assertEquals((await session.ended()).signal, "SIGTERM");
  },
});

for (
  const [what, end, noted] of [
    ["sends stopSignal at Deno.exit()", "Deno.exit(3);", "stops\n"],
    ["leaves a child to Deno at an error", `throw new Error("no");`, ""],
  ] as const
) {
  Deno.test({
    name: `endWithParent ${what}`,
    ignore,
    async fn() {
      // The end of a terminal's first program is the end of its whole group.
      const child = start(script({ HUP: "", TERM: "echo stops >>log; exit" }));
      await using session = await Session.start(
        child.replace("await using", "const") + end,
      );
      await session.ended();
      assertEquals(await session.log(), noted);
    },
  });
}

Deno.test({
  name: "endWithParent does not concern a child after unref()",
  ignore,
  async fn() {
    await using session = await Session.start(
      start(script({ INT: "", HUP: "", TERM: "exit" }), {
        processGroup: true,
        stdout: "piped",
      }).replace("await using", "const") +
        `child.unref(); console.log("pid", child.pid);`,
    );
    const { terminal } = session;
    await terminal.until("pid ");
    await terminal.ended();
    const pid = Number(/pid (\d+)/.exec(terminal.output)![1]);
    assertFalse((await workingIn(session.directory.path)).length === 0);
    Deno.kill(-pid, "SIGTERM");
    await session.gone();
  },
});
