// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * What the benchmarks produce: tables of figures. They are printed, written to
 * RESULTS.md, drawn, kept as JSON and checked.
 *
 * @module
 */

/** Whether to measure all, or only what a gate needs, in little time. */
export type Size = "whole" | "short";

/** Measures what one table shows. */
export interface Benchmark {
  title: string;
  /** Whether the short form measures it, too. */
  short: boolean;
  measure(size: Size): Promise<Omit<Table, "title">>;
}

/** A table. A row is found by its name, a figure by the name of its column. */
export interface Table {
  title: string;
  /** What was measured, and how. */
  about: string;
  columns: string[];
  rows: Row[];
}

/** A row of a table: one figure a column, or why there is none. */
export interface Row {
  name: string;
  figures: Record<string, Figure | string>;
}

/** What was measured several times: the median, and the quartiles. */
export interface Figure {
  median: number;
  lower: number;
  upper: number;
  unit:
    | "ratio"
    | "ns"
    | "µs"
    | "ms"
    | "KiB"
    | "MB/s"
    | "M/s"
    | "modules"
    | "bytes";
}

/** A figure in words: the median, and in brackets the quartiles. */
export function format(figure: Figure | string | undefined): string {
  if (figure === undefined) return "";
  if (typeof figure === "string") return figure;
  const { median, lower, upper, unit } = figure;
  const suffix = unit === "ratio" ? "" : ` ${unit}`;
  const digits = unit === "ratio" ? 2 : median < 10 ? 2 : median < 100 ? 1 : 0;
  const [text, low, high] = [median, lower, upper].map((value) =>
    value.toFixed(unit === "modules" ? 0 : digits)
  );
  if (low === text && high === text) return text + suffix;
  return `${text}${suffix} (${low} to ${high})`;
}

/** Lays a table out as Markdown, which reads well on a terminal, too. */
export function markdown({ columns, rows }: Table): string {
  const lines = [
    ["", ...columns],
    ...rows.map(({ name, figures }) => [
      name,
      ...columns.map((column) => format(figures[column])),
    ]),
  ];
  const widths = ["", ...columns].map((_, i) =>
    Math.max(3, ...lines.map((line) => line[i]!.length))
  );
  lines.splice(1, 0, widths.map((width) => "-".repeat(width)));
  return lines.map((line) =>
    `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |\n`
  ).join("");
}
