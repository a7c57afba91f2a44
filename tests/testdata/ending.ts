// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/spawn/ending_test.ts.

import {
  type BarrierChannelKind,
  inheritBarrier,
  spawnWithBarrier,
} from "../../mod.ts";
import { main } from "./main.ts";

await main({
  async "unread stdout"() {
    {
      await using child = spawnWithBarrier(
        ["sh", "-c", "head -c 1000000 /dev/zero; echo >&3; read -r _ <&3"],
        { stopGracePeriod: 1, exitGracePeriod: 60_000 },
      );
      await child.waitNext();
    }
    console.error("ended");
  },

  async "last output"() {
    {
      await using _child = spawnWithBarrier(
        ["sh", "-c", "read -r _ <&3; head -c 1000000 /dev/zero"],
        { stopGracePeriod: 0, exitGracePeriod: 60_000 },
      );
    }
    Deno.exit();
  },

  async "held output"() {
    const child = spawnWithBarrier(
      ["sh", "-c", "sleep 1000 & echo $! >&3"],
      { stdout: "forward", stderr: "null" },
    );
    const sleeper = await child.ready();
    await child.status;
    child.ref();
    console.log(sleeper);
    const late = () => {
      console.log("this process stayed");
      Deno.exit();
    };
    Deno.unrefTimer(setTimeout(late, 20_000));
  },

  async "last words"(channel) {
    const child = spawnWithBarrier(
      ["sh", "-c", "seq 3000; echo last words; seq 3000 >&2; exit 1"],
      { channel: channel as BarrierChannelKind, readyLine: /ready/ },
    );
    try {
      await child.ready();
    } catch {
      Deno.exit();
    }
  },

  async "refused signals"() {
    const child = spawnWithBarrier(["sh", "-c", "echo >&3; read -r _"], {
      stdin: "piped",
      uid: 65534,
      stopGracePeriod: 1,
    });
    await child.waitNext();
    const failed = ({ name, message }: Error) =>
      console.error(name, message.replace(/\d+/, "PID"));
    try {
      child.kill("SIGINT");
    } catch (error) {
      failed(error as Error);
    }
    await child[Symbol.asyncDispose]().catch(failed);
    await child.stdin.close(); // which lets it go
    console.error((await child.exited).signal);
  },

  async "parent of a command"(...command) {
    const parent = await inheritBarrier();
    await using child = spawnWithBarrier(command as [string, ...string[]]);
    await child.ready();
    parent.place();
    await parent.waitNext();
  },

  async server(options) {
    const server = spawnWithBarrier(["sh", "-c", "echo up; exec sleep 1000"], {
      readyLine: /up/,
      stdout: "null",
      ...JSON.parse(options!),
    });
    await server.ready();
    console.log(server.pid);
    await server.status;
  },
});
