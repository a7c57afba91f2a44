// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/spawn/run_main_test.ts.

import { spawnWithBarrier } from "../../spawn.ts";
import { runMain } from "../../src/spawn/run_main.ts";
import { main } from "./main.ts";
import { aborted, child, never, run } from "./printing_child.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve));

const resource = (name: string): AsyncDisposable => ({
  async [Symbol.asyncDispose]() {
    await undefined;
    console.log("end of", name);
  },
});

/** What a main function throws after a signal. */
const ERRORS: Record<string, (signal: AbortSignal) => unknown> = {
  "the reason of its signal": ({ reason }) => reason,
  "an error that the signal has caused": ({ reason }) =>
    new Error("x", { cause: new Error("y", { cause: reason }) }),
  "several that it has caused": ({ reason }) =>
    new AggregateError([reason, reason]),
  "one that it has caused while another was thrown": ({ reason }) =>
    new SuppressedError(reason, reason),
  "another error": () => new Error("disk full"),
  "several of which one is another": ({ reason }) =>
    new AggregateError([reason, new Error("disk full")]),
  "another that was suppressed": ({ reason }) =>
    new SuppressedError(reason, new Error("disk full")),
  "one that causes itself": () =>
    Object.assign(new Error("disk full"), {
      get cause() {
        return this;
      },
    }),
  "a value that is not an error": () => "disk full",
};

await main({
  async cleanup() {
    await runMain(async (signal) => {
      run();
      console.log("running");
      await aborted(signal);
      console.log(signal.reason.name, signal.reason.message);
      await turn();
      console.log("clean");
    });
    console.log("not printed");
  },

  async blocks() {
    await runMain(async (signal) => {
      run();
      try {
        await using _database = resource("database");
        await using _app = resource("app");
        console.log("running");
        await aborted(signal);
        signal.throwIfAborted();
      } finally {
        console.log("finally");
      }
    });
  },

  async nested() {
    await runMain(async (signal) => {
      run();
      try {
        await runMain(async (inner) => {
          console.log("running");
          await aborted(inner);
          console.log("end of inner");
          inner.throwIfAborted();
        });
      } finally {
        console.log("finally", signal.aborted);
      }
    });
  },

  async "child of main"() {
    await runMain(async (signal) => {
      run();
      child("server");
      console.log("running");
      await aborted(signal);
      await turn();
      console.log("end of main");
    });
  },

  async "child after main"() {
    await runMain(() => void child("server"));
    run();
    console.log("running");
  },

  async "signal after main"() {
    await runMain(() => {});
    Deno.kill(Deno.pid, "SIGINT");
    run();
  },

  async failure(what) {
    await runMain(async (signal) => {
      run();
      console.log("running");
      await aborted(signal);
      throw ERRORS[what!]!(signal);
    });
  },

  async "child killed by Ctrl-C"() {
    await runMain(async () => {
      await using child = spawnWithBarrier(
        ["sh", "-c", "echo >&3; exec sleep 60"],
      );
      await child.ready();
      console.log("running", child.pid);
      await child.ready();
    });
  },

  async "signal after a child's"() {
    await runMain(async () => {
      await using child = spawnWithBarrier(["sh", "-c", "kill -INT $$"]);
      try {
        await child.ready();
      } catch (error) {
        Deno.kill(Deno.pid, "SIGINT"); // which arrives after the error
        throw error;
      }
    });
  },

  async "wait for a stopped child"() {
    await runMain(async (signal) => {
      await using child = spawnWithBarrier(["sleep", "60"]);
      const waiting = child.ready();
      console.log("running");
      await aborted(signal);
      child.destroy();
      await waiting;
    });
  },

  async "child killed alone"() {
    await runMain(async () => {
      await using child = spawnWithBarrier(
        ["sh", "-c", "echo >&3; kill -TERM $$"],
      );
      await child.ready();
      await child.ready();
    });
  },

  async "endless cleanup"() {
    await runMain(async (signal) => {
      run();
      child("server");
      child("module", { ends: false });
      console.log("running");
      await aborted(signal);
      console.log("cleaning up");
      await never();
    });
  },

  async "stopping children"(count) {
    await runMain(async () => {
      run();
      for (let i = 1; i <= Number(count); i++) {
        child(`child ${i}`, { isStopping: true });
      }
      console.log("running");
      await never();
    });
  },

  async "one child stopping"() {
    await runMain(async () => {
      run();
      child("database", { isStopping: false });
      child("app", { isStopping: true });
      console.log("running");
      await never();
    });
  },

  async "two with endless children"() {
    const stopping = async (signal: AbortSignal) => {
      run();
      child("server", { stop: never });
      console.log("running");
      await aborted(signal);
    };
    await Promise.all([runMain(stopping), runMain(stopping)]);
  },

  async "another listener"() {
    Deno.addSignalListener("SIGTERM", () => {});
    await runMain(async (signal) => {
      run();
      console.log("running");
      await aborted(signal);
    });
  },

  async two() {
    run();
    const named = (name: string) =>
      runMain(async (signal) => {
        console.log("running");
        await aborted(signal);
        await turn();
        console.log("end of", name);
      });
    await Promise.all([named("a"), named("b")]);
  },

  async "another rejection"() {
    await runMain(async (signal) => {
      run();
      aborted(signal).then(() => signal.throwIfAborted());
      console.log("running");
      await aborted(signal);
      await turn();
      console.log("clean");
    });
  },
});
