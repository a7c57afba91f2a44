// Copyright 2026 the @ipc/barrier authors. MIT license.

/** What the modules have of each other. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import * as inherit from "../inherit.ts";
import * as all from "../mod.ts";
import * as spawn from "../spawn.ts";
import { run } from "./_helpers/run.ts";
import { dataUrl, json } from "./_helpers/scripts.ts";

interface ModuleInfo {
  specifier: string;
  dependencies?: { code?: { specifier: string }; isDynamic?: boolean }[];
}

/** Where the files of the library are. */
const ROOT = import.meta.resolve("../");

/** The modules that a module leads to, and what each imports, in order. */
async function graphOf(module: string): Promise<Map<string, string[]>> {
  const { code, stdout, stderr } = await run(
    [Deno.execPath(), "info", "--no-config", "--json", `${ROOT}${module}`],
  );
  assertEquals(code, 0, stderr);
  const { modules } = JSON.parse(stdout) as {
    modules: ModuleInfo[];
  };
  const file = (url: string) => url.replace(ROOT, "");
  return new Map(modules.map(({ specifier, dependencies = [] }) => [
    file(specifier),
    dependencies.flatMap(({ code, isDynamic }) =>
      code && !isDynamic ? [file(code.specifier)] : []
    ),
  ]));
}

/** The modules that are loaded with one, itself among them. */
async function loadedWith(module: string): Promise<string[]> {
  const graph = await graphOf(module);
  const loaded = new Set([module]);
  for (const file of loaded) {
    for (const imported of graph.get(file) ?? []) loaded.add(imported);
  }
  return [...loaded].sort();
}

const QUEUE = ["src/barrier/wait_queue.ts"];
const COMPLETION = [
  "completion.ts",
  "src/runtime/timers.ts",
  ...QUEUE,
];
const BARRIER = [
  "src/barrier/arrivals.ts",
  "src/barrier/barrier.ts",
  "src/barrier/error.ts",
  "src/barrier/lines.ts",
  "src/barrier/options.ts",
  "src/barrier/pair.ts",
  ...QUEUE,
];
// What `Barrier.over()` needs, and a child that inherits its barrier does not.
const OVER = [
  "barrier.ts",
  "src/channels/paced.ts",
  "src/channels/port.ts",
  "src/channels/streams.ts",
  "src/channels/web_socket.ts",
  "src/runtime/timers.ts",
  ...BARRIER,
];
const INHERIT = [
  "inherit.ts",
  "src/channels/environment.ts",
  "src/channels/modules.ts",
  "src/channels/paced.ts",
  "src/channels/stdio.ts",
  "src/runtime/host.ts",
  "src/runtime/timers.ts",
  ...BARRIER,
];
// What a child over "fd" loads as well, when it calls inheritBarrier().
const SOCKET_CHANNEL = [
  "src/barrier/error.ts",
  "src/barrier/lines.ts",
  "src/channels/paced.ts",
  "src/channels/socket.ts",
  "src/runtime/at_exit.ts",
  "src/runtime/host.ts",
  "src/runtime/socket.ts",
  "src/runtime/timers.ts",
];
const SPAWN = [
  "spawn.ts",
  "src/spawn/modules.ts",
  "src/spawn/command_line.ts",
  "src/spawn/ending.ts",
  "src/spawn/environment.ts",
  "src/spawn/errors.ts",
  "src/spawn/options.ts",
  "src/spawn/permissions.ts",
  "src/spawn/probe.ts",
  "src/spawn/program.ts",
  "src/spawn/ready_url.ts",
  "src/spawn/run_main.ts",
  "src/spawn/signals.ts",
  "src/runtime/watch.ts",
  "src/spawn/process_group.ts",
  "src/spawn/readiness.ts",
  "src/spawn/spawn_error.ts",
  "src/spawn/streams.ts",
  "src/runtime/exit.ts",
  "src/runtime/drain.ts",
  "src/runtime/builtin.ts",
  "src/runtime/process.ts",
  "src/runtime/spawned_socket.ts",
  "src/runtime/standard_output.ts",
  "src/spawn/launch.ts",
  "src/spawn/output.ts",
  "src/spawn/byte_queue.ts",
  "src/spawn/byte_search.ts",
  "src/spawn/child_input.ts",
  "src/spawn/forwarder.ts",
  "src/spawn/line_scanner.ts",
  "src/spawn/output_tail.ts",
  "src/spawn/sinks.ts",
  "src/spawn/child_process.ts",
  "src/channels/spawned.ts",
  "src/spawn/stdout_splitter.ts",
  "src/spawn/tracing.ts",
  "src/spawn/values.ts",
  ...SOCKET_CHANNEL,
  ...INHERIT,
];

/** Globals that take a runtime milliseconds when they are first looked at. */
const LAZY_GLOBALS = [
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "clearInterval",
  "setImmediate",
  "Temporal",
  "TextDecoder",
  "TextEncoder",
];

for (
  const module of [
    "barrier.ts",
    "completion.ts",
    "inherit.ts",
    "mod.ts",
    "spawn.ts",
  ]
) {
  Deno.test(`Importing ${module} looks at no global that is loaded lazily`, async () => {
    const source = `
      for (const name of ${json(LAZY_GLOBALS)}) {
        Object.defineProperty(globalThis, name, { get: () => console.log(name) });
      }
      await import(${json(import.meta.resolve(`../${module}`))});
    `;
    const { stdout, stderr } = await run(
      [Deno.execPath(), "run", "--allow-all", dataUrl(source)],
    );
    assertEquals({ stdout, stderr }, { stdout: "", stderr: "" });
  });
}

for (
  const [module, loaded] of [
    ["barrier.ts", OVER],
    ["completion.ts", COMPLETION],
    ["inherit.ts", INHERIT],
    ["src/channels/socket.ts", SOCKET_CHANNEL],
    ["spawn.ts", SPAWN],
    ["mod.ts", ["mod.ts", ...COMPLETION, ...OVER, ...SPAWN]],
  ] as const
) {
  Deno.test(`Importing ${module} loads what it needs, and no module of Node's`, async () => {
    assertEquals(await loadedWith(module), [...new Set(loaded)].sort());
  });
}

for (
  const [module, first] of [
    ["inherit.ts", "src/channels/modules.ts"],
    ["spawn.ts", "src/spawn/modules.ts"],
    ["mod.ts", "src/spawn/modules.ts"],
  ] as const
) {
  Deno.test(`${module} imports all modules by ${first} first`, async () => {
    const graph = await graphOf(module);
    assertEquals(graph.get(module)![0], first);
    const listed = graph.get(first)!;
    const others = [first, "inherit.ts", "spawn.ts"];
    const part = module === "inherit.ts" ? module : "spawn.ts";
    const missing = (await loadedWith(part)).filter((file) =>
      !listed.includes(file) && !others.includes(file)
    );
    assertEquals(missing, []);
  });
}

Deno.test("mod.ts, spawn.ts and inherit.ts export one inheritBarrier()", () => {
  assertStrictEquals(all.inheritBarrier, inherit.inheritBarrier);
  assertStrictEquals(spawn.inheritBarrier, inherit.inheritBarrier);
});

/** The names that the documentation of a module has. */
async function documented(module: string): Promise<string[]> {
  const { code, stdout, stderr } = await run(
    [Deno.execPath(), "doc", "--json", import.meta.resolve(`../${module}`)],
  );
  assertEquals(code, 0, stderr);
  const { nodes } = JSON.parse(stdout) as {
    nodes: Record<string, { symbols: { name: string }[] }>;
  };
  const names = Object.values(nodes).flatMap(({ symbols }) => symbols)
    .map(({ name }) => name);
  return [...new Set(names)].sort();
}

Deno.test("mod.ts documents what is public, and nothing else", async () => {
  assertEquals(await documented("mod.ts"), [
    "Barrier",
    "BarrierAbortedError",
    "BarrierAbortedErrorOptions",
    "BarrierChannel",
    "BarrierChannelKind",
    "BarrierEmitter",
    "BarrierOptions",
    "BarrierOutput",
    "BarrierPort",
    "BarrierProcess",
    "BarrierProcessOutput",
    "BarrierProcessSignal",
    "BarrierProcessStatus",
    "BarrierReadyOptions",
    "BarrierReceiver",
    "BarrierRole",
    "BarrierStreams",
    "BarrierWaitOptions",
    "BarrierWebSocket",
    "Completion",
    "CompletionWaitOptions",
    "CompletionWaitSyncOptions",
    "InheritBarrierOptions",
    "SharedCompletion",
    "SpawnCommandOptions",
    "SpawnModuleOptions",
    "SpawnPermissions",
    "completeAndExit",
    "inheritBarrier",
    "runMain",
    "spawnWithBarrier",
  ]);
});
