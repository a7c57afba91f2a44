// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What `PROTOCOL.md` shows, run as a reader would. */

import { assertEquals } from "@std/assert";
import { type BarrierProcess, spawnWithBarrier } from "../mod.ts";
import { isInstalled, NODE, PYTHON } from "./_helpers/programs.ts";
import { type CommandLine, run } from "./_helpers/run.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { IS_UNIX } from "./_helpers/unix.ts";

const PROTOCOL = await Deno.readTextFile(
  new URL("../PROTOCOL.md", import.meta.url),
);

/** The text between two lines of the page. */
function between(start: string, end: string): string {
  const from = PROTOCOL.indexOf(start);
  return PROTOCOL.slice(from, PROTOCOL.indexOf(end, from + start.length));
}

// Ready, wait, note

interface Example {
  fence: string;
  program: string;
  file: string;
  /** A command to run before, if any. */
  build?: CommandLine;
  command: CommandLine;
}

const EXAMPLES: Example[] = [
  { fence: "sh", program: "sh", file: "a.sh", command: ["sh", "a.sh"] },
  {
    fence: "python",
    program: "python3",
    file: "a.py",
    command: [...PYTHON ?? ["python3"] as const, "a.py"],
  },
  {
    fence: "js",
    program: "node",
    file: "a.mjs",
    command: [...NODE ?? ["node"] as const, "a.mjs"],
  },
  {
    fence: "go",
    program: "go",
    file: "a.go",
    build: ["go", "build", "a.go"],
    command: ["./a"],
  },
  {
    fence: "c",
    program: "cc",
    file: "a.c",
    build: ["cc", "-Wall", "-Wextra", "-Werror", "-o", "a", "a.c"],
    command: ["./a"],
  },
];

for (const { fence, program, file, build, command } of EXAMPLES) {
  const section = between("## Ready, wait, note", "\n## The channel");
  const source = section.split(`\n\`\`\`${fence}\n`)[1]?.split("```")[0];

  const ignore = !IS_UNIX || !isInstalled(program);

  /** The directory of the program, which is built once. */
  let made: Promise<string> | undefined;
  const make = async () => {
    const cwd = await Deno.makeTempDir();
    addEventListener("unload", () => Deno.removeSync(cwd, { recursive: true }));
    await Deno.writeTextFile(`${cwd}/${file}`, source!);
    if (build !== undefined) {
      const env = { GO111MODULE: "off", GOCACHE: `${cwd}/cache` };
      const { code, stderr } = await run(build, { cwd, env });
      assertEquals(code, 0, stderr);
    }
    return cwd;
  };

  const test = (
    name: string,
    fn: (child: BarrierProcess) => Promise<void>,
  ) =>
    Deno.test({
      name: `PROTOCOL.md shows a program for ${program} that ${name}`,
      ignore,
      async fn() {
        const cwd = await (made ??= make());
        await using child = spawnWithBarrier(command, { cwd });
        assertEquals(await child.ready(), undefined);
        await fn(child);
      },
    });

  test("answers a note", async (child) => {
    child.place("go on");
    assertEquals(await child.ready(), "received: go on");
    assertEquals((await child.status).code, 0);
  });

  test("answers a barrier without a note", async (child) => {
    child.place();
    assertEquals((await child.ready())?.trim(), "received:");
    assertEquals((await child.status).code, 0);
  });

  for (
    const [end, make] of [
      ["exits", (child) => child.destroy()],
      ["aborts", (child) => child.abort()],
      ["aborts with a reason", (child) => child.abort("disk full")],
    ] as [string, (child: BarrierProcess) => void][]
  ) {
    test(`exits when its parent ${end}`, async (child) => {
      make(child);
      assertEquals((await child.status).code, 1);
    });
  }
}

// Programs in between

const CHECK = `
  if [ -S "/proc/$$/fd/3" ]; then fd=passed; else fd=closed; fi
  if [ "$BARRIER_CHANNEL" = fd:3 ]; then env=passed; else env=removed; fi
  echo "$fd $env"`;

interface Between {
  /** The command that starts `$CHECK`, run by a shell. */
  command: string;
  /** What must be installed, if that is not the command's first word. */
  program?: string;
  fd?: "closed";
  env?: "removed";
  ignore?: boolean;
}

const isRoot = IS_UNIX && Deno.uid() === 0;
const asRoot = { ignore: !isRoot };
const inNamespace = { ignore: !isRoot || !await canUnshare() };

/** Whether this process may make namespaces, which a container forbids. */
async function canUnshare(): Promise<boolean> {
  const script = "unshare -mn true 2>/dev/null";
  return (await run(["sh", "-c", script])).code === 0;
}

/** The programs as the page names them, each with a way to start another. */
const BETWEEN: Record<string, Between> = {
  "sh -c": { command: `sh -c '"$CHECK"; :'` },
  "bash -c": { command: `bash -c '"$CHECK"; :'` },
  env: { command: 'env "$CHECK"' },
  exec: { command: 'exec "$CHECK"', program: "sh" },
  make: {
    command: "printf 'check:\\n\\t@$(CHECK)\\n' | make -s -f - -j2",
    program: "make",
  },
  xargs: { command: 'echo | xargs "$CHECK"' },
  "find -exec": { command: 'find "$CHECK" -exec "$CHECK" ";"' },
  timeout: { command: 'timeout 60 "$CHECK"' },
  nohup: { command: 'nohup "$CHECK"' },
  nice: { command: 'nice "$CHECK"' },
  ionice: { command: 'ionice -c3 "$CHECK"' },
  taskset: { command: 'taskset 1 "$CHECK"' },
  prlimit: { command: 'prlimit --nofile=100 "$CHECK"' },
  flock: { command: 'flock "$CHECK" "$CHECK"' },
  stdbuf: { command: 'stdbuf -oL "$CHECK"' },
  "su -c": { command: 'su -c "$CHECK" root', ...asRoot },
  runuser: { command: 'runuser -u root -- "$CHECK"', ...asRoot },
  setpriv: { command: 'setpriv --pdeathsig TERM "$CHECK"' },
  setsid: { command: 'setsid -w "$CHECK"' },
  chroot: { command: 'chroot / "$CHECK"', ...asRoot },
  unshare: { command: 'unshare -m "$CHECK"', ...inNamespace },
  nsenter: { command: 'nsenter -t $$ -n "$CHECK"', ...inNamespace },
  "ip netns exec": {
    command: 'unshare -m sh -c \'ip netns add "n$$" &&' +
      ' ip netns exec "n$$" "$CHECK"; ip netns del "n$$"\'',
    program: "ip",
    ...inNamespace,
  },
  strace: { command: 'strace -o /dev/null "$CHECK"' },
  // Its tool that checks nothing starts in half the time.
  valgrind: { command: 'valgrind -q --tool=none "$CHECK"' },
  script: { command: 'script -qec "$CHECK" /dev/null' },
  "xvfb-run": { command: 'xvfb-run -a "$CHECK"' },
  "dbus-run-session": { command: 'dbus-run-session "$CHECK"' },
  "ssh-agent": { command: 'ssh-agent "$CHECK"' },
  "os.system()": {
    command: `"$PYTHON" -Sc 'import os; os.system(os.environ["CHECK"])'`,
    program: "python3",
  },
  "os.exec*()": {
    command: `"$PYTHON" -Sc 'import os; os.execv(os.environ["CHECK"], ["sh"])'`,
    program: "python3",
  },
  "system()": { command: `perl -e 'system($ENV{CHECK})'` },

  "npm run": { command: "npm run -s check", fd: "closed" },
  npx: { command: 'npx -y -c "$CHECK"', fd: "closed" },
  "spawn()": {
    command: `node -e 'require("child_process").spawnSync(process.env.CHECK,
      { stdio: "inherit" })'`,
    fd: "closed",
  },
  subprocess: {
    command: `"$PYTHON" -Sc 'import os, subprocess
subprocess.run(os.environ["CHECK"])'`,
    program: "python3",
    fd: "closed",
  },
  sudo: {
    command: 'sudo -n "$CHECK"',
    fd: "closed",
    env: "removed",
    ...asRoot,
  },
  "sudo -E": { command: 'sudo -n -E "$CHECK"', fd: "closed", ...asRoot },
  // Another shell may have a profile that takes a second.
  "su -": {
    command: 'su - -s /bin/sh -c "$CHECK" root',
    env: "removed",
    ...asRoot,
  },

  "pass_fds=[3]": {
    command: `"$PYTHON" -Sc 'import os, subprocess
subprocess.run(os.environ["CHECK"], pass_fds=[3])'`,
    program: "python3",
  },
  'stdio: ["inherit", "inherit", "inherit", 3]': {
    command: `node -e 'require("child_process").spawnSync(process.env.CHECK,
      { stdio: ["inherit", "inherit", "inherit", 3] })'`,
  },
};

/** What the page names and no test starts, with the reason. */
const NOT_TESTED = [
  ...["pnpm run", "bun run"], // npm brings them, one download each
  ...["ssh", "docker exec", "kubectl exec"], // need a server
];

const NAMES = Array.from(
  between("### Programs in between", "\n## The lines").matchAll(/`([^`]+)`/g),
  ([, name]) => name!,
);

for (const [name, between] of Object.entries(BETWEEN)) {
  const { command, fd, env, ignore } = between;
  const program = between.program ?? /[\w-]+/.exec(command)![0];
  Deno.test({
    name: `PROTOCOL.md says if ${name} passes the channel on`,
    ignore: Deno.build.os !== "linux" || ignore || !isInstalled(program),
    async fn() {
      assertEquals(NAMES.includes(name), true);
      await using directory = await TempDir.make();
      const check = `${directory.path}/check.sh`;
      await Deno.writeTextFile(check, `#!/bin/sh\n${CHECK}\n`, { mode: 0o755 });
      await Deno.writeTextFile(
        `${directory.path}/package.json`,
        JSON.stringify({ scripts: { check } }),
      );
      // Node reads more certificates for half as long as it starts.
      const script = `unset NODE_EXTRA_CA_CERTS; ${command}`;
      await using child = spawnWithBarrier(["sh", "-c", script], {
        cwd: directory.path,
        env: { CHECK: check, PYTHON: PYTHON?.[0] ?? "python3" },
        stdout: "piped",
      });
      assertEquals(
        (await child.stdout.text()).trim(),
        `${fd ?? "passed"} ${env ?? "passed"}`,
      );
    },
  });
}

Deno.test("PROTOCOL.md names no program in between that is not tested", () => {
  const known = new Set([...Object.keys(BETWEEN), ...NOT_TESTED]);
  const others = ["stdio", 'inheritBarrier({ channel: "stdio" })'];
  assertEquals(
    NAMES.filter((name) => !known.has(name) && !others.includes(name)),
    [],
  );
});
