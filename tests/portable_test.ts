// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What holds outside of Deno on Linux. */

import { assertEquals } from "@std/assert";
import { isInstalled, NODE } from "./_helpers/programs.ts";
import { run } from "./_helpers/run.ts";
import { RUNTIMES, writeProgram } from "./_helpers/runtimes.ts";
import { json, parentModule } from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";

const PROGRAM = `
import { Barrier } from "./barrier.mjs";
import { Completion, SharedCompletion } from "./completion.mjs";

const { port1, port2 } = new MessageChannel();
const parent = Barrier.over(port1);
const child = Barrier.over(port2, { role: "child" });
child.place("over a port");
console.log(await parent.waitNext(), parent.note);
parent.destroy();
console.log(await child.waitNext());

const completion = new Completion();
setTimeout(() => completion.complete());
await completion.wait();
const shared = new SharedCompletion();
shared.complete();
console.log(shared.tryWait(), typeof Deno);
`;

for (const { name, command } of RUNTIMES) {
  Deno.test({
    name: `Barrier.over() a port and Completion work in ${name}`,
    ignore: command === undefined,
    async fn() {
      const { code, stdout, stderr } = await run(
        [...command!, await writeProgram(PROGRAM)],
      );
      assertEquals(
        { code, stdout },
        {
          code: 0,
          stdout: "true over a port\nfalse\ntrue undefined\n",
        },
        stderr,
      );
    },
  });
}

Deno.test({
  name: "Every module can be imported where there is no Worker and no Deno",
  ignore: NODE === undefined,
  async fn() {
    const modules = ["mod", "barrier", "completion", "inherit", "spawn"];
    const program = modules.map((name) =>
      `console.log(Object.keys(await import("./${name}.mjs")).length > 0);`
    ).join("\n");
    const { stdout, stderr } = await run([
      ...NODE!,
      await writeProgram(program),
    ]);
    assertEquals(stdout, "true\n".repeat(modules.length), stderr);
  },
});

Deno.test({
  name:
    "Barrier.place() arrives over sockets as small as those of macOS, also at an exit",
  ignore: Deno.build.os !== "linux" || !isInstalled("gcc"),
  async fn() {
    await using directory = await TempDir.make();
    const shim = `${directory.path}/small.so`;
    await Deno.writeTextFile(
      `${directory.path}/small.c`,
      `#define _GNU_SOURCE
      #include <dlfcn.h>
      #include <sys/socket.h>
      int socketpair(int domain, int type, int protocol, int sv[2]) {
        int (*real)(int, int, int, int[2]) = dlsym(RTLD_NEXT, "socketpair");
        int result = real(domain, type, protocol, sv), size = 4096;
        for (int i = 0; result == 0 && i < 2; i++) {
          setsockopt(sv[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
          setsockopt(sv[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        }
        return result;
      }`,
    );
    const compiled = await run([
      "gcc",
      "-shared",
      "-fPIC",
      "-o",
      shim,
      `${directory.path}/small.c`,
      "-ldl",
    ]);
    assertEquals(compiled.code, 0, compiled.stderr);
    const script =
      "i=0; while [ $i -lt 20000 ] && read -r _ <&3; do i=$((i + 1)); done; echo $i >&3; cat <&3 >/dev/null";
    const parent = parentModule(`
      const child = spawnWithBarrier(["bash", "-c", ${json(script)}]);
      for (let i = 0; i < 20_000; i++) child.place();
      console.log(await child.ready());
      child.abort("bye");
      Deno.exit(4);
    `);
    const { stdout, code } = await run(
      [Deno.execPath(), "run", "-A", parent],
      { env: { LD_PRELOAD: shim } },
    );
    assertEquals({ stdout, code }, { stdout: "20000\n", code: 4 });
  },
});
