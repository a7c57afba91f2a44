// Copyright 2026 the @ipc/barrier authors. MIT license.

// Draws the output of BARRIER_TRACE=1 as a sequence diagram in SVG. Each pair of
// processes has two lifelines, an arrow for each barrier and each abort from where
// it was sent to where it was consumed, and a bar for each wait. It reads the file
// in its argument, or stdin, and ignores other lines.
//
//     BARRIER_TRACE=1 deno run --allow-run --allow-env examples/handshake.ts 2>trace.log
//     deno run --allow-read examples/timeline.ts trace.log >timeline.svg

type Side = "parent" | "child";

interface Event {
  /** Milliseconds since the first line of the log. */
  time: number;
  side: Side;
  what: string;
  text: string;
  row: number;
}

/** A barrier: the events of both its sides, in order. */
interface Story {
  pids: Record<Side, string | undefined>;
  events: Event[];
}

const LINE =
  /^(\d{13}\.\d{3}) barrier (\d+) (?:parent of (\d+)(?: \(.+\))?|child): ([^:]+)(?:: (.*))?$/;

/** Reads the lines of a log, whatever their order. */
function readStories(log: string): Story[] {
  const stories = new Map<string, Story>();
  let start: number | undefined;
  for (const line of log.split(/\r?\n/).sort()) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, time, pid, childPid, what, text = ""] = match;
    const side = childPid ? "parent" : "child";
    const key = childPid ?? pid!;
    let story = stories.get(key);
    if (story === undefined) {
      const pids = { parent: undefined, child: key };
      stories.set(key, story = { pids, events: [] });
    }
    story.pids[side] = pid;
    start ??= Number(time);
    story.events.push({
      time: Number(time) - start,
      side,
      what: what!,
      text,
      row: 0,
    });
  }
  return [...stories.values()];
}

/** How many milliseconds apart events of one row may be. */
const ROW_SPAN = 2;

/**
 * Assigns a row to each event. A wait that begins or ends right after another event
 * of the same side shares its row; the two ends of a wait never share one.
 */
function assignRows(events: Event[]): number {
  let row = -1;
  let first: Event | undefined;
  let begun: string[] = [];
  for (const event of events) {
    const wait = /^wait (\d+) (begins|)/.exec(event.what);
    const isShared = wait && first?.side === event.side &&
      event.time - first.time < ROW_SPAN && !begun.includes(wait[1]!);
    if (!isShared) {
      row++;
      first = event;
      begun = [];
    }
    if (wait?.[2]) begun.push(wait[1]!);
    event.row = row;
  }
  return row + 1;
}

const WIDTH = 760;
const TIME_X = 76;
const LANE_X = { parent: 250, child: 560 };
const HEAD = 62;
const ROW = 26;
const FOOT = 26;
/** How many characters fit between the lifelines, and next to them. */
const TEXT_MAX = 42;
const LABEL_MAX = 24;

const STYLE = `
  .page { fill: #ffffff } text { fill: #24292f; stroke: #ffffff }
  .head { fill: #eef1f4; stroke: #8c959f } .faint { fill: #6e7781 }
  .life, path.gone, line.gone { stroke: #8c959f } .bar { fill: #cfe3fb; stroke: #3b7dd8 }
  .barrier { stroke: #2468c8; fill: #2468c8 }
  .abortion { stroke: #cf222e; fill: #cf222e } .no { fill: #cf222e }
  .yes { fill: #1a7f37 } .canceled { fill: #9a6700 } .gone { fill: #6e7781 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #e6edf3; stroke: #0d1117 }
    .head { fill: #1c2430; stroke: #6e7681 } .faint { fill: #8b949e }
    .life, path.gone, line.gone { stroke: #6e7681 } .bar { fill: #1c3a63; stroke: #6cb0ff }
    .barrier { stroke: #6cb0ff; fill: #6cb0ff }
    .abortion { stroke: #ff7b72; fill: #ff7b72 } .no { fill: #ff7b72 }
    .yes { fill: #56d364 } .canceled { fill: #e3b341 } .gone { fill: #8b949e }
  }
  text { font: 12.5px system-ui, "DejaVu Sans", sans-serif; stroke-width: 4;
    paint-order: stroke; stroke-linejoin: round }
  text.title { font-weight: 600; stroke: none }
  text.time { font-variant-numeric: tabular-nums }
  line, path { stroke-width: 1.6 }
  .life { stroke-width: 1.2 } .dashed { stroke-dasharray: 5 4 }
  .cross { fill: none; stroke-width: 2.2 }`;

const OTHER = { parent: "child", child: "parent" } as const;

/** Draws one barrier at the top of what is left of the page. */
class Diagram {
  readonly height: number;
  readonly #story: Story;
  readonly #bars: string[] = [];
  readonly #arrows: string[] = [];
  readonly #texts: string[] = [];
  /** The text next to a lifeline, row by row. */
  readonly #labels = new Map<string, string[]>();
  /** Up to which row each side lives. */
  readonly #end: Record<Side, number>;

  constructor(story: Story) {
    this.#story = story;
    const rows = assignRows(story.events);
    this.height = HEAD + rows * ROW + FOOT;
    this.#end = { parent: rows, child: rows };
  }

  draw(): string {
    this.#drawTimes();
    for (const side of ["parent", "child"] as const) {
      this.#drawWaits(side);
      this.#drawBarriers(side);
      this.#drawEnds(side);
    }
    for (const [key, labels] of this.#labels) {
      const [side, row] = key.split(" ") as [Side, string];
      const anchor = side === "parent" ? "end" : "start";
      const x = LANE_X[side] + (side === "parent" ? -16 : 16);
      this.#texts.push(
        `<text x="${x}" y="${yOf(Number(row)) + 4}" text-anchor="${anchor}">${
          labels.join(" · ")
        }</text>`,
      );
    }
    const lanes = (["parent", "child"] as const).map((s) => this.#lane(s));
    return [...lanes, ...this.#bars, ...this.#arrows, ...this.#texts]
      .join("\n");
  }

  #lane(side: Side): string {
    const x = LANE_X[side];
    const pid = this.#story.pids[side];
    const isTraced = this.#of(side).length > 0;
    const title = `${side} ${pid ?? ""}${isTraced ? "" : " (not traced)"}`;
    const width = 30 + 7.4 * title.length;
    const bottom = yOf(this.#end[side]);
    return `<line class="life${
      isTraced ? "" : " dashed"
    }" x1="${x}" y1="40" x2="${x}" y2="${bottom}"/>
<rect class="head" x="${
      x - width / 2
    }" y="16" width="${width}" height="26" rx="6"/>
<text class="title" x="${x}" y="33.5" text-anchor="middle">${
      escape(title)
    }</text>`;
  }

  #drawTimes(): void {
    const seen = new Set<number>();
    for (const { row, time } of this.#story.events) {
      if (seen.has(row)) continue;
      seen.add(row);
      this.#texts.push(
        `<text class="faint time" x="${TIME_X}" y="${
          yOf(row) + 4
        }" text-anchor="end">${time.toFixed(2)} ms</text>`,
      );
    }
  }

  /** Draws each wait as a bar; those that overlap stand side by side. */
  #drawWaits(side: Side): void {
    const busyUntil: number[] = [];
    const last = this.#story.events.at(-1)!.row;
    for (const event of this.#of(side)) {
      const number = /^wait (\d+) begins$/.exec(event.what)?.[1];
      if (number === undefined) continue;
      const end = this.#of(side).find(({ what }) =>
        what === `wait ${number} ends` || what === `wait ${number} is canceled`
      );
      const endRow = end?.row ?? last + 0.5;
      let level = busyUntil.findIndex((row) => row <= event.row);
      if (level < 0) level = busyUntil.length;
      busyUntil[level] = endRow;
      const x = LANE_X[side] + (side === "parent" ? -1 : 1) * 8 * level - 5;
      this.#bars.push(
        `<rect class="bar" x="${x}" y="${yOf(event.row)}" width="10" height="${
          (endRow - event.row) * ROW
        }" rx="2"/>`,
      );
      this.#label(event, event.text);
      if (end === undefined) continue;
      if (end.what.endsWith("canceled")) {
        this.#label(end, `canceled: ${end.text}`, "canceled");
      } else this.#label(end, end.text, end.text === "true" ? "yes" : "no");
    }
  }

  /** Draws what a side sent, and what arrived from a side that is not traced. */
  #drawBarriers(side: Side): void {
    const there = this.#of(OTHER[side]);
    for (const event of this.#of(side)) {
      const number = /^place (\d+)$/.exec(event.what)?.[1];
      if (number !== undefined) {
        const taken = there.find(({ what }) => what === `take ${number}`);
        const dropped = there.find(({ what }) => what === `drop ${number}`);
        const text = event.text || `barrier ${number}`;
        if (taken) this.#arrow("barrier", event, taken, text);
        else this.#lost("barrier", event, dropped, `${text}, not taken`);
      } else if (event.what === "abort") {
        const known = there.find(({ what }) => what === "peer aborts");
        const text = event.text ? `abort: ${event.text}` : "abort";
        if (known) this.#arrow("abortion", event, known, text);
        else this.#lost("abortion", event, undefined, text);
      }
    }
    if (this.#of(side).length > 0) return;
    for (const event of there) {
      const from = { ...event, side };
      if (event.what === "peer aborts") {
        this.#arrow("abortion", from, event, `abort: ${event.text}`);
      } else if (/^take/.test(event.what)) {
        this.#arrow("barrier", from, event, event.text || event.what.slice(5));
      }
    }
  }

  /** Draws how a side began and hung up, and how the other learned of that. */
  #drawEnds(side: Side): void {
    for (const event of this.#of(side)) {
      if (event.what === "open") {
        this.#label(event, side === "parent" ? "spawns" : "inherits", "gone");
      }
    }
    let from = this.#of(side).find(({ what }) => what === "hang up");
    if (from) {
      this.#cross(side, from.row);
      this.#label(from, "hangs up", "gone");
    }
    for (const event of this.#of(OTHER[side])) {
      const isGone = event.what === "peer hangs up";
      if (!isGone && event.what !== "peer closes its channel") continue;
      if (from === undefined) {
        from = { ...event, side };
        this.#cross(side, from.row);
      }
      const text = event.text.replace(/^Child process \d+ \(.*?\) /, "");
      this.#arrow("gone dashed", from, event, text);
      if (isGone) this.#end[side] = from.row;
      from = undefined;
    }
  }

  #arrow(kind: string, from: Event, to: Event, text: string): void {
    const way = from.side === "parent" ? 1 : -1;
    const [x1, x2] = [LANE_X[from.side] + 6 * way, LANE_X[to.side] - 7 * way];
    const [y1, y2] = [yOf(from.row), yOf(to.row)];
    const angle = Math.atan2(y2 - y1, x2 - x1) * 180 / Math.PI;
    this.#arrows.push(
      `<line class="${kind}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`,
      `<path class="${
        kind.split(" ")[0]
      }" d="M0 0L-9 -4V4Z" transform="translate(${x2} ${y2}) rotate(${
        angle.toFixed(1)
      })"/>`,
    );
    this.#textOn(from, text);
  }

  /** Draws what was never taken: it ends between the lifelines. */
  #lost(
    kind: string,
    from: Event,
    to: Event | undefined,
    text: string,
  ): void {
    const way = from.side === "parent" ? 1 : -1;
    const x1 = LANE_X[from.side] + 6 * way;
    const x2 = to ? LANE_X[to.side] - 14 * way : x1 + 150 * way;
    const [y1, y2] = [yOf(from.row), yOf((to ?? from).row)];
    this.#arrows.push(
      `<line class="${kind} dashed" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`,
      crossAt(kind, x2, y2, 4),
    );
    this.#textOn(from, text);
  }

  /** Puts text over an arrow where it begins. */
  #textOn({ side, row }: Event, text: string): void {
    const anchor = side === "parent" ? "start" : "end";
    const x = LANE_X[side] + (side === "parent" ? 14 : -14);
    this.#texts.push(
      `<text x="${x}" y="${yOf(row) - 5}" text-anchor="${anchor}">${
        shown(text, TEXT_MAX)
      }</text>`,
    );
  }

  #label({ side, row }: Event, text: string, kind = ""): void {
    const key = `${side} ${row}`;
    const labels = this.#labels.get(key) ?? [];
    labels.push(
      kind
        ? `<tspan class="${kind}">${shown(text, LABEL_MAX)}</tspan>`
        : shown(text, LABEL_MAX),
    );
    this.#labels.set(key, labels);
  }

  #cross(side: Side, row: number): void {
    this.#arrows.push(crossAt("gone", LANE_X[side], yOf(row), 6));
  }

  #of(side: Side): Event[] {
    return this.#story.events.filter((event) => event.side === side);
  }
}

function yOf(row: number): number {
  return HEAD + row * ROW;
}

function crossAt(kind: string, x: number, y: number, r: number): string {
  return `<path class="${kind} cross" d="M${x - r} ${y - r}L${x + r} ${y + r}M${
    x - r
  } ${y + r}L${x + r} ${y - r}"/>`;
}

/** Text for the page, cut short if it is long; then it is whole in a tooltip. */
function shown(text: string, length: number): string {
  const chars = [...text];
  if (chars.length <= length) return escape(text);
  const cut = chars.slice(0, length - 1).join("");
  return `${escape(cut)}…<title>${escape(text)}</title>`;
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

function escape(text: string): string {
  // XML has no way to write the characters that the second step replaces.
  return text.replace(/[&<>"]/g, (char) => ENTITIES[char]!)
    .replace(
      /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu,
      "\ufffd",
    );
}

function draw(stories: Story[]): string {
  let height = 0;
  const drawn = stories.map((story) => {
    const diagram = new Diagram(story);
    const group =
      `<g transform="translate(0 ${height})">\n${diagram.draw()}\n</g>`;
    height += diagram.height;
    return group;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<title>What both sides of each barrier did</title>
<style>${STYLE}
</style>
<rect class="page" width="${WIDTH}" height="${height}" rx="8"/>
${drawn.join("\n")}
</svg>`;
}

const [path] = Deno.args;
const log = path === undefined
  ? await new Response(Deno.stdin.readable).text()
  : await Deno.readTextFile(path);
const stories = readStories(log);
if (stories.length === 0) {
  console.error(
    "There is no line of a trace: was it run with BARRIER_TRACE=1?",
  );
  Deno.exit(1);
}
console.log(draw(stories));
