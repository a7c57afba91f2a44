// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The standard streams of a child. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { spawnWithBarrier } from "../mod.ts";
import { CHANNELS } from "./_helpers/driver.ts";
import { turnEventLoop } from "./_helpers/event_loop.ts";
import { PYTHON } from "./_helpers/programs.ts";
import { type Output, start } from "./_helpers/run.ts";
import {
  json,
  parentModule,
  readUntil,
  runParent,
  shell,
  startParent,
} from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { test } from "./_helpers/unix.ts";

const MEGABYTE = 1024 * 1024;

/** Prints that much, places a barrier, and exits after the parent's. */
const PRINTS_A_MEGABYTE =
  `head -c ${MEGABYTE} /dev/zero; echo >&3; read -r _ <&3`;

for (const stdout of ["null", "piped"] as const) {
  test(`spawnWithBarrier() goes on while nobody reads a megabyte of a "${stdout}" stdout`, async () => {
    await using child = shell(PRINTS_A_MEGABYTE, { stdout });
    assert(await child.waitNext());
    child.place();
    assertEquals((await child.status).code, 0);
    if (stdout === "piped") {
      assertEquals((await child.stdout.bytes()).length, MEGABYTE);
    }
  });
}

test('spawnWithBarrier() goes on while nobody reads a megabyte of an "inherit" stdout', async () => {
  const parent = startParent(`
    const child = spawnWithBarrier(["sh", "-c", ${json(PRINTS_A_MEGABYTE)}]);
    console.error(await child.waitNext());
    child.place();
    await child.exited;
    console.error("exited");
    await child.status;
    console.log("status");
  `);
  const stderr = parent.stderr.getReader();
  assertEquals(await readUntil(stderr, "exited\n"), "true\nexited\n");
  // Nobody has read the parent's stdout so far, and all of it is there.
  assertEquals(
    await parent.stdout.text(),
    `${"\0".repeat(MEGABYTE)}status\n`,
  );
  assertEquals((await parent.status).code, 0);
  await stderr.cancel();
  await parent.stdin.close();
});

test("BarrierProcess.status resolves when all output is forwarded, in order", async () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join(
    "",
  );
  const script = "seq -f 'line %g' 0 19999; exit 2";
  const { stdout } = await runParent(`
    const child = spawnWithBarrier(["sh", "-c", ${json(script)}]);
    console.log("exit", (await child.status).code);
  `);
  assertEquals(stdout, `${lines}exit 2\n`);
});

for (const channel of CHANNELS) {
  test(`BarrierProcess forgets what a grandchild prints after the exit over "${channel}"`, async () => {
    await using directory = await TempDir.make();
    const fifo = await directory.makeFifo();
    const script =
      `(read -r _ <${fifo}; echo late && echo late && echo survived >${fifo}) & echo early; kill -9 $$`;
    const parent = startParent(
      `
      const child = spawnWithBarrier(["sh", "-c", ${json(script)}], {
        channel: "${channel}",
      });
      console.log((await child.status).signal);
      await Deno.stdin.read(new Uint8Array(1)); // until the test has seen all
      `,
    );
    const stdout = parent.stdout.getReader();
    assertEquals(await readUntil(stdout, "SIGKILL\n"), "early\nSIGKILL\n");
    await Deno.writeTextFile(fifo, "\n");
    assertEquals(await Deno.readTextFile(fifo), "survived\n");
    await parent.stdin.close();
    assertEquals((await parent.status).code, 0);
    const { done } = await stdout.read();
    assert(done);
    await parent.stderr.cancel();
  });
}

/** Reads so little at a time that the writer finds the pipe full. */
async function readSlowly(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader({ mode: "byob" });
  const decoder = new TextDecoder();
  let text = "";
  while (true) {
    const { done, value } = await reader.read(new Uint8Array(512));
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
}

for (
  const { what, text } of [
    {
      what: "all output",
      // Lines, long lines, and many bytes without lines.
      text: "line\n".repeat(40_000) + `${"x".repeat(4_999)}\n`.repeat(40) +
        "x".repeat(199_999),
    },
    { what: "a few bytes", text: "end" },
  ]
) {
  for (
    const { name, printed, shared, options } of [
      { name: "stdout", printed: 1, shared: 2, options: {} },
      {
        name: "stderr",
        printed: 2,
        shared: 1,
        options: { stdout: "inherit", stderr: "forward" },
      },
    ]
  ) {
    Deno.test({
      name:
        `BarrierProcess forwards ${what} once to a ${name} that is non-blocking`,
      ignore: PYTHON === undefined,
      async fn() {
        await using directory = await TempDir.make();
        const fifo = await directory.makeFifo();
        const file = `${directory.path}/text`;
        await Deno.writeTextFile(file, text);
        // This parent's stdout and stderr are one, as at a terminal, and the
        // child inherits the one that it does not print to. It makes it
        // non-blocking, as Node does at its start, and fills it.
        const script = `
import os
os.set_blocking(${shared}, False)
try:
    while True: os.write(${shared}, b"." * 512)
except BlockingIOError:
    os.dup2(${printed}, 1)
    os.execvp("cat", ["cat", "${file}"])
`;
        const parent = start(
          [
            "sh",
            "-c",
            'exec "$@" 2>&1',
            "sh",
            Deno.execPath(),
            "run",
            "--allow-all",
            parentModule(`
              const child = spawnWithBarrier(
                [...${json(PYTHON)}, "-c", ${json(script)}],
                ${json(options)},
              );
              await child.exited;
              Deno.writeTextFileSync(${json(fifo)}, "");
              const { success } = await child.status;
              Deno.exit(success ? 7 : 1); // the console would not try again
            `),
          ],
          { stdin: "null", stderr: "inherit" },
        );
        await Deno.readTextFile(fifo); // after this, stdout is read
        const all = await readSlowly(parent.stdout);
        const output = all.replace(/^\.+/, "");
        assertEquals(output.length, text.length);
        assert(output === text);
        assertEquals((await parent.status).code, 7);
      },
    });
  }
}

test("BarrierProcess ends its child's stdout when nobody reads this process's any more", async () => {
  // The child prints until that fails.
  const parent = startParent(`
    const child = spawnWithBarrier(["sh", "-c", "yes; echo ended >&2"]);
    await child.status;
  `);
  await parent.stdout.cancel();
  assertEquals((await parent.stderr.text()).split("\n").at(-2), "ended");
  await parent.stdin.close();
  await parent.status;
});

test('BarrierProcess has streams when "piped" is asked for', async () => {
  await using child = shell("cat; echo problem >&2", {
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode('{"a": '));
  await writer.write(new TextEncoder().encode("1}"));
  await writer.close();
  assertEquals(await child.stdout.json(), { a: 1 });
  assertEquals(await child.stderr.text(), "problem\n");
});

test('BarrierProcess.stdout and its kin throw unless they are "piped"', async () => {
  await using child = shell(":");
  assertThrows(
    () => child.stdin,
    TypeError,
    `Cannot get 'stdin': it is not piped; pass stdin: "piped"`,
  );
  assertThrows(
    () => child.stdout,
    TypeError,
    `Cannot get 'stdout': it is not piped; pass stdout: "piped"`,
  );
  assertThrows(
    () => child.stderr,
    TypeError,
    `Cannot get 'stderr': it is not piped; pass stderr: "piped"`,
  );
});

test("BarrierProcess.stdin rejects a write to a child that is gone", async () => {
  await using child = shell(":", { stdin: "piped" });
  await child.status;
  const writer = child.stdin.getWriter();
  await assertRejects(
    () => writer.write(new Uint8Array(1)),
    Deno.errors.BrokenPipe,
    "Cannot write to stdin",
  );
});

test("BarrierProcess.stdin can be closed when the child is gone", async () => {
  await using child = shell(":", { stdin: "piped" });
  await child.status;
  await turnEventLoop();
  await child.stdin.close();
});

test("BarrierProcess.stdin can be closed while the child goes", async () => {
  for (let i = 0; i < 20; i++) {
    await using child = shell(":", { stdin: "piped" });
    await Promise.all([child.exited, child.stdin.close()]);
  }
});

test("BarrierProcess.stdout can be read into a buffer", async () => {
  await using child = shell("echo abcdef", { stdout: "piped" });
  const reader = child.stdout.getReader({ mode: "byob" });
  let text = "";
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(4));
    if (done) break;
    assert(value.length <= 4);
    text += new TextDecoder().decode(value);
  }
  assertEquals(text, "abcdef\n");
});

for (const [name, fd] of [["stdout", 1], ["stderr", 2]] as const) {
  // A grandchild holds it until the test closes the stdin of all three.
  const script =
    `exec 4<&0; (read -r _; echo late; cat) <&4 >&${fd} 3>&- & exit 0`;
  const spawn = `spawnWithBarrier(["sh", "-c", ${json(script)}], {
    ${name}: "piped",
  })`;

  test(`BarrierProcess.${name} keeps no parent that does not read`, async () => {
    const parent = startParent(`console.log((await ${spawn}.status).code);`);
    assertEquals((await parent.status).code, 0);
    assertEquals(await parent.stdout.text(), "0\n");
    await parent.stdin.close();
    await parent.stderr.cancel();
  });

  test(`BarrierProcess.${name} keeps a parent only while a read is pending`, async () => {
    const parent = startParent(`
      const child = ${spawn};
      const reader = child.${name}.getReader();
      console.log((await child.status).code);
      console.log((await reader.read()).value.length);
      addEventListener("unload", () => console.log("parent leaves"));
    `);
    const reader = parent.stdout.getReader();
    const writer = parent.stdin.getWriter();
    assertEquals(await readUntil(reader, "0\n"), "0\n");
    await writer.write(new TextEncoder().encode("\n"));
    assertEquals(await readUntil(reader, "leaves\n"), "5\nparent leaves\n");
    assertEquals((await parent.status).code, 0);
    await writer.close();
    await parent.stderr.cancel();
    await reader.cancel();
  });
}

test("BarrierProcess.stdout can be canceled while the child prints", async () => {
  await using child = shell("yes; echo >&3", { stdout: "piped" });
  await child.stdout.cancel();
  assert(await child.waitNext());
});

test("BarrierProcess.stdout.cancel() lets the child go on while 16 MiB wait to be read", async () => {
  await using child = shell(
    "head -c 20000000 /dev/zero; echo done >&3; yes",
    { stdout: "piped", readyLine: /^none$/ },
  );
  await child.stdout.cancel();
  assertEquals(await child.ready(), "done");
});

test("BarrierProcess finds a readyLine in a stdout that was canceled", async () => {
  await using child = shell("echo one; read -r _ <&3; echo ready", {
    stdout: "piped",
    readyLine: /^ready$/,
  });
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  child.place();
  assertEquals(await child.ready(), "ready");
});

for (const channel of CHANNELS) {
  test(`BarrierProcess keeps no parent over "${channel}" by a pipe that it only reads for a readyLine`, async () => {
    // A grandchild holds the pipe until the test closes the stdin of all three.
    const script = "exec 4<&0; (cat <&4) 3>&- & echo ready; exit 0";
    const parent = startParent(`
      const options = { channel: "${channel}", readyLine: /ready/, stdout: "null" };
      {
        await using child = spawnWithBarrier(["sh", "-c", ${
      json(script)
    }], options);
        console.log(await child.ready());
      }
      const child = spawnWithBarrier(["sh", "-c", "echo ready; exec cat"], options);
      console.log(await child.ready());
      child.unref();
    `);
    assertEquals((await parent.status).code, 0);
    assertEquals(await parent.stdout.text(), "ready\nready\n");
    await parent.stdin.close();
    await parent.stderr.cancel();
  });
}

for (const [name, fd] of [["stdout", 1], ["stderr", 2]] as const) {
  for (const channel of CHANNELS) {
    test(`BarrierProcess.${name} serves two reads at once over "${channel}"`, async () => {
      const place = channel === "fd" ? "<&3" : "";
      await using child = shell(
        `echo one >&${fd}; read -r _ ${place}; echo two >&${fd}`,
        { channel, [name]: "piped" },
      );
      const reader = child[name].getReader();
      const [first, second] = [reader.read(), reader.read()];
      const texts = [new TextDecoder().decode((await first).value)];
      child.place();
      texts.push(new TextDecoder().decode((await second).value));
      assertEquals(texts, ["one\n", "two\n"]);
      await reader.cancel();
    });
  }
}

test("BarrierProcess closes its end of the child's stdin when the child has exited", async () => {
  // A grandchild holds the other end, and would keep a write waiting.
  await using child = shell("exec 4<&0; sleep 1000 <&4 >&- 2>&- & echo $!", {
    stdin: "piped",
    stdout: "piped",
  });
  const grandchild = Number(await child.stdout.text());
  await child.status;
  await assertRejects(
    () => child.stdin.getWriter().write(new Uint8Array(1_000_000)),
    Deno.errors.BrokenPipe,
  );
  Deno.kill(grandchild, "SIGKILL");
});

/** Children whose grandchildren print on, and how these do it. */
const PRINTING_ON = [
  ["fd", "forward", "all the time", ""],
  ["fd", "piped", "now and then", "sleep 0.01;"],
  ["stdio", "forward", "now and then", "sleep 0.01;"],
  ["stdio", "null", "all the time", ""],
  ["stdio", "piped", "all the time", ""],
] as const;

/** Runs all of them below one parent, and returns its output. */
async function runPrintingOn(): Promise<Output> {
  await using directory = await TempDir.make();
  const file = `${directory.path}/run`;
  const children = PRINTING_ON.map(([channel, stdout, , pause]) => ({
    script: `(while [ -e ${file} ]; do echo line; ${pause} done) & exit 3`,
    options: { channel, stdout, stderr: "null" },
  }));
  return await runParent(
    `
    for (const { script, options } of ${json(children)}) {
      Deno.writeTextFileSync(${json(file)}, "");
      await using child = spawnWithBarrier(["sh", "-c", script], options);
      console.error(await child.waitNext(), (await child.status).code);
      await child.stop();
      Deno.removeSync(${json(file)}); // it has run until now
    }
    `,
    ["--allow-all"],
  );
}

let printingOn: Promise<Output> | undefined;

for (const [index, [channel, stdout, how]] of PRINTING_ON.entries()) {
  test(`BarrierProcess.status ignores a grandchild that prints ${how} to "${stdout}" (${channel})`, async () => {
    printingOn ??= runPrintingOn();
    const output = await printingOn;
    assertEquals(output.stderr.split("\n")[index], "false 3");
    assertEquals(output.stdout.replaceAll("line\n", ""), "");
  });
}

/** The leader exits at SIGTERM, and a member of its group prints after that. */
const PRINTS_LAST = `
  {
    trap 'while kill -0 $$ 2>/dev/null; do sleep 0.01; done; echo closed; exit' TERM
    echo up
    sleep 1000 >&- &
    wait
  } &
  trap exit TERM
  wait`;

for (const channel of CHANNELS) {
  test(`BarrierProcess.stop() passes on output of a group without a leader over "${channel}"`, async () => {
    const lines: string[] = [];
    await using child = spawnWithBarrier(["sh", "-c", PRINTS_LAST], {
      channel,
      processGroup: true,
      readyLine: /up/,
      stdout: (line) => lines.push(line),
    });
    await child.ready();
    await child.stop();
    assertEquals(lines, ["up", "closed"]);
  });
}

test("BarrierProcess.stop() writes what a group prints after its leader has exited", async () => {
  const { stdout } = await runParent(
    `
    await using child = spawnWithBarrier(["sh", "-c", ${json(PRINTS_LAST)}], {
      processGroup: true,
      readyLine: /up/,
    });
    await child.ready();
    await child.stop();
    console.log("stopped");
  `,
    ["--allow-all"],
  );
  assertEquals(stdout, "up\nclosed\nstopped\n");
});
