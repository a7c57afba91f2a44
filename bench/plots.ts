// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Draws tables as SVG. Neither the background nor the scheme of whoever looks
 * is known, so all colors are of a middle tone that reads on white and on black.
 *
 * @module
 */

import * as Plot from "npm:@observablehq/plot@0.6.17";
import { parseHTML } from "npm:linkedom@0.18.15";
import { type Figure, format, type Table } from "./table.ts";

const TEXT = "#768390";
const OURS = "#3a8bdb";
const THEIRS = "#8d99a5";

/** Draws one bar for each row, with its quartiles. */
export function bars({ title, columns, rows }: Table, column: string): string {
  const data = rows.flatMap(({ name, figures }) => {
    const figure = figures[column];
    return typeof figure === "object" ? [{ name, ...figure }] : [];
  });
  const names = data.map(({ name }) => name);
  const unit = data[0]?.unit ?? "ratio";
  return draw({
    title,
    height: 40 + 26 * data.length,
    marginLeft: 14 + 7 * Math.max(...names.map(({ length }) => length)),
    marginRight: 150,
    x: { label: unit === "ratio" ? null : unit, nice: true, grid: true },
    y: { label: null, domain: names },
    marks: [
      ...unit === "ratio" ? [Plot.ruleX([1], { stroke: TEXT })] : [],
      Plot.barX(data, {
        x: "median",
        y: "name",
        fill: ({ name }: { name: string }) =>
          name.startsWith("ours") || columns.includes("ours") ? OURS : THEIRS,
        insetTop: 2,
        insetBottom: 2,
      }),
      Plot.ruleY(data, {
        x1: "lower",
        x2: "upper",
        y: "name",
        stroke: TEXT,
        strokeWidth: 1.5,
        marker: "tick",
      }),
      Plot.text(data, {
        x: "upper",
        y: "name",
        text: (figure: Figure) => format(figure),
        textAnchor: "start",
        dx: 8,
        fill: TEXT,
      }),
    ],
  });
}

/** Draws one line for each column, over the number that a row's name begins with. */
export function lines(
  { title, rows }: Table,
  columns: string[],
  label: string,
): string {
  const data = columns.flatMap((column) =>
    rows.flatMap(({ name, figures }) => {
      const figure = figures[column];
      if (typeof figure !== "object") return [];
      return [{ column, count: parseInt(name), ...figure }];
    })
  );
  const stroke = ({ column }: { column: string }) =>
    column.includes("by hand") ? THEIRS : OURS;
  const last = data.filter(({ count }) =>
    count === Math.max(...data.map(({ count }) => count))
  );
  return draw({
    title,
    height: 260,
    marginLeft: 50,
    marginRight: 150,
    x: {
      label,
      type: "log",
      ticks: data.map(({ count }) => count),
      grid: true,
      tickFormat: "d",
    },
    y: { label: data[0]?.unit ?? null, zero: true, nice: true, grid: true },
    marks: [
      Plot.ruleX(data, { x: "count", y1: "lower", y2: "upper", stroke }),
      Plot.lineY(data, { x: "count", y: "median", z: "column", stroke }),
      Plot.dot(data, { x: "count", y: "median", fill: stroke }),
      Plot.text(last, {
        x: "count",
        y: "median",
        text: "column",
        textAnchor: "start",
        dx: 8,
        fill: stroke,
      }),
    ],
  });
}

function draw({ title, ...options }: Plot.PlotOptions): string {
  const page = parseHTML("<html></html>");
  const svg = Plot.plot({
    document: Reflect.get(page, "document"), // its type needs those of a browser
    width: 720,
    ariaLabel: `${title}`,
    style: { background: "none", color: TEXT, fontSize: "12px" },
    ...options,
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${svg.outerHTML}\n`;
}
