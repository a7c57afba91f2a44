// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What a child's stdin, stdout and stderr really are. */

import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { spawnWithBarrier } from "../mod.ts";
import { PYTHON } from "./_helpers/programs.ts";
import { run } from "./_helpers/run.ts";
import {
  inheritingModule,
  json,
  parentModule,
  readUntil,
  runParent,
  shell,
  startParent,
} from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { IS_UNIX, test } from "./_helpers/unix.ts";

/** Runs a module whose stdout is a file, and returns what is in that then. */
async function runIntoFile(
  module: string,
  args: readonly string[] = [],
): Promise<string> {
  await using directory = await TempDir.make();
  const file = `${directory.path}/file`;
  const deno = [Deno.execPath(), "run", "-A", module, ...args];
  const { code } = await run(
    ["sh", "-c", 'file=$1; shift; exec "$@" >"$file"', "sh", file, ...deno],
  );
  assertEquals(code, 0);
  return await Deno.readTextFile(file);
}

const DELAYS = import.meta.resolve("./testdata/delays.ts");
const BLOCKED_WRITER = import.meta.resolve("./testdata/blocked_writer.ts");

const isLinux = IS_UNIX && Deno.build.os === "linux";

Deno.test({
  name: 'spawnWithBarrier() gives the null device for "null"',
  ignore: !isLinux,
  async fn() {
    await using child = shell(
      `
      for fd in 0 1 2; do set -- "$@" "$(readlink /proc/$$/fd/$fd)"; done
      printf "%s\\n" "$@" >&3
      `,
      { stdin: "null", stdout: "null", stderr: "null" },
    );
    for await (const note of child) assertEquals(note, "/dev/null");
    assertEquals((await child.status).code, 0);
  },
});

test('spawnWithBarrier() really inherits for "inherit", so that the order of lines is kept', async () => {
  const script =
    'i=0; while read -r _ <&3; do echo "child $i"; i=$((i + 1)); echo >&3; done';
  const parent = parentModule(`
    const child = spawnWithBarrier(["sh", "-c", ${json(script)}], {
      stdout: "inherit",
    });
    for (let i = 0; i < 50; i++) {
      console.log("parent", i);
      child.place();
      await child.waitNext();
    }
    child.destroy();
  `);
  const log = await runIntoFile(parent);
  const expected = Array.from(
    { length: 50 },
    (_, i) => `parent ${i}\nchild ${i}\n`,
  ).join("");
  assertEquals(log, expected);
});

Deno.test({
  name:
    'spawnWithBarrier() gives a child the terminal for "inherit", and a pipe for "forward"',
  ignore: PYTHON === undefined,
  async fn() {
    const parent = parentModule(`
      for (const stdout of ["inherit", "forward"]) {
        const child = spawnWithBarrier(
          ["sh", "-c", "if [ -t 1 ]; then echo terminal; else echo pipe; fi"],
          { stdout },
        );
        await child.status;
      }
    `);
    const { stdout } = await run([
      ...PYTHON!,
      "-c",
      "import pty, sys; pty.spawn(sys.argv[1:])",
      Deno.execPath(),
      "run",
      "-A",
      parent,
    ]);
    assertEquals(stdout, "terminal\r\npipe\r\n");
  },
});

for (const stdout of ["null", "inherit"] as const) {
  test(`spawnWithBarrier() lets a child with an "${stdout}" stdout outlive its parent, and print`, async () => {
    await using directory = await TempDir.make();
    const fifo = await directory.makeFifo();
    const script = `read -r _ <&3; echo still here && echo printed >${fifo}`;
    const parent = startParent(`
      spawnWithBarrier(["sh", "-c", ${json(script)}], {
        stdout: "${stdout}",
        stderr: "null",
      }).unref();
    `);
    assertEquals((await parent.status).code, 0);
    assertEquals(await Deno.readTextFile(fifo), "printed\n");
    await parent.stdout.cancel();
    await parent.stderr.cancel();
    await parent.stdin.close();
  });
}

test('spawnWithBarrier() forwards stderr for "forward", and pipes it for "piped"', async () => {
  const { stderr } = await runParent(`
    const script = "echo problem >&2";
    const child = spawnWithBarrier(["sh", "-c", script], { stderr: "forward" });
    await child.status;
    const piped = spawnWithBarrier(["sh", "-c", script], { stderr: "piped" });
    console.error("piped", await piped.stderr.text());
  `);
  assertEquals(stderr, "problem\npiped problem\n\n");
});

test('spawnWithBarrier() gives a helper of a "stdio" child the null device, not the channel', async () => {
  const spawn = json(import.meta.resolve("../spawn.ts"));
  await using child = spawnWithBarrier(
    inheritingModule(`
      const { spawnWithBarrier } = await import(${spawn});
      const barrier = await inheritBarrier({ channel: "stdio" });
      await using helper = spawnWithBarrier(["cat"], { stdout: "piped" });
      barrier.place("read " + (await helper.stdout.text()).length);
      barrier.place(await barrier.waitNext() ? barrier.note : "lost");
    `),
    { channel: "stdio", permissions: { run: true, env: true } },
  );
  child.place("for the child");
  assertEquals(await Array.fromAsync(child), ["read 0", "for the child"]);
});

test("BarrierProcess takes what was placed before a close, though nobody reads stdout here", async () => {
  const script = `head -c 300000 /dev/zero
    i=0; while [ $i -lt 40 ]; do
      i=$((i + 1)); printf 'line\\n\\036+%s\\n' $i; sleep 0.01
    done
    exec sleep 1000 >&-`;
  const parent = startParent(`
    await using child = spawnWithBarrier(["sh", "-c", ${json(script)}], {
      channel: "stdio",
      stopGracePeriod: 0,
    });
    let last;
    for await (const note of child) last = note;
    console.error(last);
  `);
  const stderr = parent.stderr.getReader();
  assertEquals(await readUntil(stderr, "\n"), "40\n");
  await parent.stdout.cancel();
  await parent.stdin.close();
  await parent.status;
  await stderr.cancel();
});

test("BarrierProcess.status resolves after half a line, though another process holds stdout", async () => {
  const script = "sleep 1000 <&- 2>&- & echo $!; printf 'a\\036+half a line'";
  const { stdout } = await runParent(`
    const child = spawnWithBarrier(["sh", "-c", ${json(script)}], {
      channel: "stdio",
    });
    await child.status;
    Deno.exit();
  `);
  const [sleeper, rest] = stdout.split("\n");
  assertEquals(rest, "a\x1e+half a line");
  Deno.kill(Number(sleeper), "SIGKILL");
});

test("BarrierProcess.stdout.text() gives what was not read before, as Deno's does", async () => {
  await using child = shell("echo one; read -r _ <&3; echo two", {
    stdout: "piped",
  });
  const reader = child.stdout.getReader();
  await reader.read();
  reader.releaseLock();
  child.place();
  assertEquals(await child.stdout.text(), "two\n");
  const locked = child.stdout.getReader();
  await assertRejects(() => child.stdout.text(), TypeError);
  await locked.cancel();
});

/** Ways in which a child places a barrier by what it prints. */
const PRINTED = [
  {
    how: 'over "stdio"',
    args: ["stdio"],
    place: "\\036\\n",
    fd: 0,
  },
  {
    how: "by a readyLine",
    args: ["fd", "up"],
    place: "up\\n",
    fd: 3,
  },
];

for (const { how, args, place, fd } of PRINTED) {
  test(`BarrierProcess writes output before what is printed after a barrier ${how}`, async () => {
    const script = `
      for i in 0 1 2 3 4 5 6 7 8 9; do
        head -c 30000 /dev/zero | tr '\\0' $i
        printf '\\n${place}'
        read -r _ <&${fd}
      done
    `;
    const log = await runIntoFile(DELAYS, ["ordered", script, ...args]);
    const lines = log.split("\n").filter((line) => line !== "up");
    assertEquals(lines.length, 21);
    for (let i = 0; i < 10; i++) {
      assertEquals(lines[2 * i], `${i}`.repeat(30_000));
      assertEquals(lines[2 * i + 1], `parent ${i}`);
    }
  });
}

Deno.test({
  name:
    "BarrierProcess.stdout holds 300,000 unread writes in as little memory as Deno.Command",
  ignore: !isLinux || PYTHON === undefined,
  async fn() {
    const script = "import os\nfor i in range(300000): os.write(1, b'x')";
    const measure = async (start: string): Promise<number> => {
      const { stdout, stderr } = await runParent(
        `
        const words = [...${json(PYTHON)}, "-c", ${json(script)}];
        const before = Deno.memoryUsage().rss;
        let most = 0;
        const timer = setInterval(() => {
          most = Math.max(most, Deno.memoryUsage().rss - before);
        }, 20);
        ${start}
        clearInterval(timer);
        console.log(most);
        `,
        ["--allow-all"],
      );
      assertEquals(stderr, "");
      return Number(stdout);
    };
    const ours = await measure(`
      const child = spawnWithBarrier(words, { stdout: "piped" });
      await child.exited;
      if ((await child.stdout.bytes()).length !== 300_000) throw new Error();
    `);
    const theirs = await measure(`
      const [command, ...args] = words;
      const { stdout } = await new Deno.Command(command, { args }).output();
      if (stdout.length !== 300_000) throw new Error();
    `);
    assertLess(ours - theirs, 10_000_000);
  },
});

for (const stdout of ["piped", "forward"] as const) {
  test(`BarrierProcess reads on when its "${stdout}" output was 16 MiB ahead`, async () => {
    const parent = `
      const child = spawnWithBarrier(
        ["sh", "-c", "head -c 20000000 /dev/zero; echo done >&3"],
        { stdout: "${stdout}" },
      );
    `;
    if (stdout === "piped") {
      await using child = shell(
        "head -c 20000000 /dev/zero; echo done >&3",
        { stdout },
      );
      const next = child.waitNext();
      const bytes = await child.stdout.bytes();
      assertEquals(bytes.length, 20_000_000);
      assert(await next);
    } else {
      const { stdout, code } = await runParent(`
        ${parent}
        await child.ready();
      `);
      assertEquals(code, 0);
      assertEquals(stdout.length, 20_000_000);
    }
  });
}

for (const stdout of ["piped", "forward"] as const) {
  Deno.test({
    name:
      `BarrierProcess lets a child wait whose "${stdout}" output is 16 MiB ahead`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const { stderr } = await runBlocked(`
        const { untilBlocked } = await import(${json(BLOCKED_WRITER)});
        const command = ["head", "-c", "64000000", "/dev/zero"];
        const child = spawnWithBarrier(command, { stdout: "${stdout}" });
        console.error(await untilBlocked(child.pid));
        ${stdout === "piped" ? "await child.stdout.cancel();" : ""}
        child.kill("SIGKILL");
        Deno.exit();
      `);
      // The pipes hold a little as well.
      const mebibytes = Number(stderr) / 1024 / 1024;
      assert(mebibytes >= 15 && mebibytes < 18, stderr);
    },
  });
}

/** Runs a parent whose stdout nobody reads before it has ended. */
async function runBlocked(body: string): Promise<{ stderr: string }> {
  const parent = startParent(body, ["--allow-all"]);
  const stderr = await new Response(parent.stderr).text();
  await parent.stdout.cancel();
  await parent.stdin.close();
  await parent.status;
  return { stderr };
}
