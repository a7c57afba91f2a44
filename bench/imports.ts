// Copyright 2026 the @ipc/barrier authors. MIT license.

import { path } from "./driver.ts";
import { figure, interleave, type Series } from "./harness.ts";
import type { Benchmark, Row, Size, Table } from "./table.ts";

const ENTRY_POINTS = ["mod", "barrier", "spawn", "inherit", "completion"];

/** What a program pays for importing each entry point. */
export function imports(): Benchmark[] {
  return [{ title: "Import of an entry point", short: true, measure }];
}

async function measure(size: Size): Promise<Omit<Table, "title">> {
  const scripts = [
    path("imports/empty.ts"),
    ...ENTRY_POINTS.map((name) => path(`../${name}.ts`)),
  ];
  const series: Series[] = scripts.map(() => ({ times: [], ratios: [] }));
  for (const script of scripts) await run(script); // fills Deno's caches
  const blocks = scripts.map((script) => () => run(script));
  await interleave(blocks, series, size === "whole" ? 60 : 16);
  const [empty, ...entries] = series;
  const rows = entries.map(async ({ times, ratios }, i): Promise<Row> => {
    const name = ENTRY_POINTS[i]!;
    // How long the empty script took next to each of them, from its ratio.
    const added = times.map((time, i) => time - time / ratios[i]!);
    const modules = await countModules(scripts[i + 1]!);
    return {
      name: name === "mod" ? "@ipc/barrier" : `@ipc/barrier/${name}`,
      figures: {
        "ratio": figure("ratio", ratios),
        "over an empty script": figure("ms", added),
        "modules": figure("modules", [modules]),
      },
    };
  });
  const { median } = figure("ms", empty!.times);
  return {
    about:
      "`deno run` of the module itself, from the start of the process to " +
      `its end, as a ratio to that of an empty script, which took ${
        median.toFixed(1)
      } ms, and less it. The modules are those that it loads, itself among them.`,
    columns: ["ratio", "over an empty script", "modules"],
    rows: await Promise.all(rows),
  };
}

async function run(script: string): Promise<number> {
  const start = performance.now();
  const command = new Deno.Command(Deno.execPath(), { args: ["run", script] });
  const { success } = await command.output();
  if (!success) throw new Error(`Cannot run "${script}"`);
  return performance.now() - start;
}

async function countModules(script: string): Promise<number> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", script],
  });
  const { stdout } = await command.output();
  const graph: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const modules = new Map(
    graph.modules.map((module) => [module.specifier, module]),
  );
  const loaded = new Set(graph.roots);
  for (const specifier of loaded) { // with those that this adds to it
    for (
      const { code, isDynamic } of modules.get(specifier)?.dependencies ?? []
    ) {
      if (code !== undefined && !isDynamic) loaded.add(code.specifier);
    }
  }
  return loaded.size;
}

/** What `deno info --json` prints. Types alone are not loaded, as they have no code. */
interface Graph {
  roots: string[];
  modules: {
    specifier: string;
    dependencies?: { code?: { specifier: string }; isDynamic?: boolean }[];
  }[];
}
