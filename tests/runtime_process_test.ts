// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import { CHANNELS } from "./_helpers/driver.ts";
import { isInstalled } from "./_helpers/programs.ts";
import { run } from "./_helpers/run.ts";
import { dataUrl, json, parentModule, runParent } from "./_helpers/scripts.ts";
import { TempDir } from "./_helpers/temp_dir.ts";
import { test } from "./_helpers/unix.ts";

const LIBRARY = json(import.meta.resolve("../mod.ts"));

for (
  const [what, options, call] of [
    ["a child", {}, ""],
    ["a child that leads a process group", { processGroup: true }, ""],
    ["an unreferenced child", {}, "child.unref();"],
  ] as const
) {
  for (
    const [how, inWorker, inParent] of [
      ["closes itself", "self.close();", ""],
      ["throws", "throw new Error();", ""],
      ["is terminated", "", "worker.terminate();"],
    ] as const
  ) {
    test(`surviveErrors() lets ${what} end with a worker that ${how}`, async () => {
      const worker = dataUrl(`
        import { spawnWithBarrier } from ${LIBRARY};
        const child = spawnWithBarrier(["sleep", "1000"], ${json(options)});
        ${call}
        self.postMessage(child.pid);
        ${inWorker}
      `);
      const { stdout } = await runParent(
        `
        const worker = new Worker(${json(worker)}, { type: "module" });
        worker.onerror = (event) => event.preventDefault();
        const pid = await new Promise((resolve) => {
          worker.onmessage = ({ data }) => resolve(data);
        });
        ${inParent}
        // A child that does not end has failed the test.
        setTimeout(() => Deno.kill(pid, "SIGTERM"), 20_000);
        try {
          for (;;) {
            Deno.kill(pid, 0);
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
        } catch (error) {
          console.log(error.name, performance.now() < 20_000);
        }
        Deno.exit();
        `,
        ["--allow-all"],
      );
      assertEquals(stdout, "NotFound true\n");
    });
  }
}

for (const channel of CHANNELS) {
  Deno.test({
    name:
      `unrefProcess() accepts a child over "${channel}" that has exited, without pidfd_open()`,
    ignore: Deno.build.os !== "linux" || !isInstalled("gcc"),
    async fn() {
      await using directory = await TempDir.make();
      const library = `${directory.path}/no_pidfd.so`;
      const source = `${import.meta.dirname}/testdata/no_pidfd.c`;
      const flags = ["-shared", "-fPIC", "-o", library, source, "-ldl"];
      const { stderr } = await run(["gcc", ...flags]);
      assertEquals(stderr, "");
      const body = `
        for (let i = 0; i < 40; i++) {
          const child = spawnWithBarrier(["true"], { channel: "${channel}" });
          child.unref();
          child.ref();
          await child.exited;
          child.unref();
        }
      `;
      const output = await run(
        [Deno.execPath(), "run", "--allow-all", parentModule(body)],
        { env: { LD_PRELOAD: library } },
      );
      assertEquals(output, { code: 0, stdout: "", stderr: "" });
    },
  });
}
