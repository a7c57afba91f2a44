// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Pages that use the library in a headless Chromium, and report what they see. */

import { spawnWithBarrier } from "../../mod.ts";
import { ESBUILD } from "./programs.ts";
import { allGone, running } from "./process_table.ts";
import { type CommandLine, run } from "./run.ts";
import { TempDir } from "./temp_dir.ts";

const SOURCES = new URL("../testdata/browser/", import.meta.url);

/** How long, in milliseconds, all pages may take. */
const LIMIT = 120_000;

/** Options that keep the browser from everything except the pages. */
const FLAGS = [
  "--headless",
  "--no-sandbox", // which root can't have
  "--no-first-run",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--disable-extensions",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-domain-reliability",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/** With these, a page and its workers have `SharedArrayBuffer`. */
const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** What the pages have reported, by their names for it. */
export type Reports = Record<string, unknown>;

/**
 * Opens a page in a browser, and collects what it and its successors report.
 *
 * The module `NAME.ts` of `tests/testdata/browser` is the page `/NAME.html` and,
 * with the headers for isolation, `/isolated/NAME.html`. A page posts its reports
 * to `/reports`, and the last one adds `end`.
 *
 * @param first The path of the first page.
 * @param onSocket Called with each WebSocket that a page opens.
 */
export async function reportsOf(
  first: string,
  onSocket: (socket: WebSocket) => void,
): Promise<Reports> {
  await using directory = await TempDir.make();
  await bundle(directory.path);
  const reports: Reports = {};
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();

  async function respond(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (request.headers.get("upgrade") === "websocket") {
      const { socket, response } = Deno.upgradeWebSocket(request);
      onSocket(socket);
      return response;
    }
    if (pathname === "/reports") {
      Object.assign(reports, await request.json());
      if ("end" in reports) end();
      return new Response();
    }
    return await serveFile(directory.path, pathname);
  }

  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    respond,
  );
  const url = `http://127.0.0.1:${server.addr.port}${first}`;
  const profile = `--user-data-dir=${directory.path}/profile`;
  await using stack = new AsyncDisposableStack();
  // Those that report crashes leave the browser's group, and exit after it.
  stack.defer(() => allGone(() => running(directory.path)));
  const browser = stack.use(spawnWithBarrier(
    ["chromium", ...FLAGS, profile, url],
    {
      env: { HOME: directory.path },
      processGroup: true,
      stdin: "null",
      stdout: "null",
      stderr: "errorTail",
      signal: AbortSignal.timeout(LIMIT), // one that hangs has failed
    },
  ));
  await Promise.race([ended, browser.finished()]);
  return reports;
}

/** Writes each module of the pages, with all that it imports, as one script. */
async function bundle(directory: string): Promise<void> {
  const names = [...Deno.readDirSync(SOURCES)].map(({ name }) => name);
  const command: CommandLine = [
    ...[Deno.execPath(), "run", "--allow-all", ESBUILD] as const,
    ...["--bundle", "--format=esm", `--outdir=${directory}`, ...names],
  ];
  const { code, stderr } = await run(command, { cwd: SOURCES });
  if (code !== 0) throw new Error(stderr);
}

async function serveFile(directory: string, path: string): Promise<Response> {
  const [, isolated, name, type] =
    /^\/(isolated\/)?(\w+)\.(html|js)$/.exec(path) ?? [];
  if (name === undefined) return new Response(null, { status: 404 });
  const headers = {
    "content-type": type === "js" ? "text/javascript" : "text/html",
    ...isolated ? ISOLATION : {},
  };
  const text = type === "js"
    ? await Deno.readTextFile(`${directory}/${name}.js`)
    : `<!doctype html><script type="module" src="${name}.js"></script>`;
  return new Response(text, { headers });
}
