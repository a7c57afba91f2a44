// Copyright 2026 the @ipc/barrier authors. MIT license.

import { check, isMissed } from "./check.ts";
import { path } from "./driver.ts";
import { bars, lines } from "./plots.ts";
import { markdown, type Table } from "./table.ts";

/** Writes a run down: as RESULTS.md, with plots, and as JSON. */
export async function write(machine: string, tables: Table[]): Promise<void> {
  const parts = [
    "# Results",
    "`deno task bench` wrote this file: one run on one machine, all of it side " +
    "by side. A ratio is that to the first row, or to what the row names, and " +
    "less is better. Each figure is a median, with the quartiles in brackets: " +
    "what is compared runs in processes of its own, in turns, and a ratio is " +
    "that of two blocks next to each other.",
    machine,
  ];
  await Deno.mkdir(path("plots"), { recursive: true });
  for (const table of tables) {
    parts.push(`## ${table.title}`, table.about);
    const svg = draw(table);
    if (svg !== undefined) {
      const file = `${slug(table.title)}.svg`;
      await Deno.writeTextFile(path(`plots/${file}`), svg);
      parts.push(`![${table.title}](plots/${file})`);
    }
    parts.push(markdown(table).trimEnd());
  }
  parts.push(
    "## Limits",
    "`bench/check.ts` holds them; its short form, which the gate runs, allows " +
      "twice the margin.",
    limits(tables),
  );
  await Deno.writeTextFile(path("RESULTS.md"), `${parts.join("\n\n")}\n`);
  const json = JSON.stringify({ machine, tables }, undefined, 2);
  await Deno.writeTextFile(path("results.json"), `${json}\n`);
  const written = ["RESULTS.md", "results.json", "plots"].map(path);
  const args = ["fmt", "--quiet", ...written];
  await new Deno.Command(Deno.execPath(), { args }).output();
}

function draw(table: Table): string | undefined {
  if (table.title === "Phases over many children") {
    return lines(table, ["ours", "by hand"], "children");
  }
  if (table.columns.includes("more")) return bars(table, "time");
  if (table.columns.includes("ratio")) return bars(table, "ratio");
  return undefined;
}

function slug(title: string): string {
  return title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replace(/-$/, "");
}

function limits(tables: Table[]): string {
  const lines = check(tables, "whole").map((checked) => {
    const { name, figure, max } = checked;
    const kept = isMissed(checked) ? "**missed**" : "kept";
    return `| ${name} | ${figure.toFixed(2)} | ${max} | ${kept} |`;
  });
  return ["| figure | measured | limit | |", "|-|-|-|-|", ...lines].join("\n");
}
