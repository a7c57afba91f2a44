// Copyright 2026 the @ipc/barrier authors. MIT license.

// The programs of tests/spawn/signals_test.ts.

import { isInterrupted } from "../../src/spawn/signals.ts";
import { main } from "./main.ts";
import { child, never, run } from "./printing_child.ts";

/** Starts children, which only print, and runs until a signal arrives. */
function running(start: () => void): () => void {
  return () => {
    start();
    run();
    console.log("running");
  };
}

/** Calls `note` with the first argument whenever a function is called. */
function noting<F extends (...args: never[]) => void>(
  call: F,
  note: (name: unknown) => void,
): F {
  return new Proxy(call, {
    apply(call, self, args) {
      note(args[0]);
      Reflect.apply(call, self, args);
    },
  });
}

/** What fails while children are stopped. */
const FAILURES: Record<string, () => unknown> = {
  "a top-level await": () => Promise.reject(new Error("it was stopped")),
  "a promise": () => void Promise.reject(new Error("it was stopped")),
  "a timer": () =>
    void setTimeout(() => {
      throw new Error("it was stopped");
    }),
};

await main({
  two: running(() => {
    const { promise, resolve } = Promise.withResolvers<void>();
    child("a", { stop: () => promise });
    child("b", { stop: resolve });
  }),

  async copies() {
    child("a");
    const other: typeof import("../../src/spawn/signals.ts") = await import(
      `${import.meta.resolve("../../src/spawn/signals.ts")}?copy`
    );
    const remove = other.registerChild({
      label: () => "b",
      isStopping: () => true,
      async stop() {
        // Longer than this process takes to die when the first copy is done.
        await new Promise((resolve) => setTimeout(resolve, 800));
        remove();
        console.log("stopped b");
      },
      signalStop() {},
      kill: () => console.log("kill b"),
    }, true);
    run();
    console.log("running");
  },

  both: running(() => {
    child("module", { ends: false });
    child("server");
  }),

  module: running(() => {
    child("module", { ends: false });
  }),

  server: running(() => {
    child("server");
  }),

  listeners() {
    const listeners = new Set<unknown>();
    const add = (name: unknown) => listeners.add(name);
    const remove = (name: unknown) => listeners.delete(name);
    Deno.addSignalListener = noting(Deno.addSignalListener, add);
    Deno.removeSignalListener = noting(Deno.removeSignalListener, remove);
    globalThis.addEventListener = noting(addEventListener, add);
    globalThis.removeEventListener = noting(removeEventListener, remove);
    const removals = [child("a"), child("b"), child("module", { ends: false })];
    for (const remove of removals) {
      console.log([...listeners].join());
      remove();
      remove();
    }
    console.log([...listeners].join());
  },

  end() {
    child("server");
    console.log("end");
  },

  endless: running(() => {
    child("server", { stop: never });
    child("module", { ends: false });
  }),

  "until SIGINT": running(() => {
    const { promise, resolve } = Promise.withResolvers<void>();
    child("server", { stop: () => promise });
    Deno.addSignalListener("SIGINT", resolve);
  }),

  "another listener": running(() => {
    child("server");
    Deno.addSignalListener("SIGINT", () => console.log("heard"));
  }),

  async exit(call) {
    const { default: process } = await import("node:process");
    child("server");
    child("module", { ends: false });
    run();
    if (call === "Deno.exit(3)") Deno.exit(3);
    else process.exit(3);
  },

  async failure(what) {
    const failing = Promise.withResolvers<void>();
    const { promise, resolve } = Promise.withResolvers<void>();
    child("server", {
      stop() {
        failing.resolve();
        return promise;
      },
    });
    run();
    console.log("running");
    await failing.promise;
    setTimeout(() => setTimeout(resolve));
    await FAILURES[what!]!();
  },

  "last timer"() {
    const timer = run();
    child("server", {
      stop() {
        clearInterval(timer);
        return new Promise((resolve) =>
          Deno.unrefTimer(setTimeout(resolve, 10))
        );
      },
    });
    console.log("running");
  },

  another: running(() => {
    child("first", { stop: () => void child("second") });
  }),

  respawning: running(() => {
    const stop = () => void child("again", { stop });
    child("first", { stop });
  }),

  foreign: running(() => {
    child("foreign", {
      stop: () => Promise.reject(new Deno.errors.PermissionDenied("not yours")),
    });
  }),

  interrupted() {
    child("server", { stop: () => console.log(isInterrupted()) });
    run();
    console.log("running", isInterrupted());
  },
});
