// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * The package as its users get it: a registry of the test's own serves the files
 * that `deno publish` would send, and a project apart imports them by name.
 */

import { assertEquals } from "@std/assert";
import { type Output, run } from "./_helpers/run.ts";
import { TempDir } from "./_helpers/temp_dir.ts";

const ROOT = new URL("../", import.meta.url);
const { name, version, exports } = JSON.parse(
  await Deno.readTextFile(new URL("deno.json", ROOT)),
) as { name: string; version: string; exports: Record<string, string> };

type Files = Map<string, Uint8Array<ArrayBuffer>>;

let published: Promise<Files> | undefined;

/** The files that `deno publish` would send, by their paths in the package. */
function publishedFiles(): Promise<Files> {
  return published ??= readPublished();
}

async function readPublished(): Promise<Files> {
  const { code, stderr } = await run(
    [Deno.execPath(), "publish", "--dry-run", "--allow-dirty", "--no-check"],
    { cwd: ROOT, env: { NO_COLOR: "1" } },
  );
  assertEquals(code, 0, stderr);
  const files: Files = new Map();
  for (const [, url] of stderr.matchAll(/^ +(file:\S+) \(/gm)) {
    files.set(
      `/${url!.slice(ROOT.href.length)}`,
      await Deno.readFile(new URL(url!)),
    );
  }
  return files;
}

/** A registry like JSR that has this package alone. */
async function serveRegistry(): Promise<Deno.HttpServer<Deno.NetAddr>> {
  const files = await publishedFiles();
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const [path, bytes] of files) {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const checksum = `sha256-${hash.toHex()}`;
    manifest[path] = { size: bytes.length, checksum };
  }
  const meta = { latest: version, versions: { [version]: {} } };
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ url }) => {
      const path = new URL(url).pathname.replace(`/${name}`, "");
      if (path === "/meta.json") return Response.json(meta);
      if (path === `/${version}_meta.json`) {
        return Response.json({ manifest, exports });
      }
      const file = files.get(path.replace(`/${version}`, ""));
      return file
        ? new Response(file, {
          headers: { "content-type": "application/typescript" },
        })
        : new Response(null, { status: 404 });
    },
  );
}

const PARENT = `\
import {
  Barrier,
  BarrierAbortedError,
  type BarrierProcess,
  Completion,
  spawnWithBarrier,
  type SpawnModuleOptions,
} from "${name}";
import { SharedCompletion } from "${name}/completion";

export const options: SpawnModuleOptions = {
  args: ["a b"],
  permissions: "none",
  signal: undefined,
};
export async function start(): Promise<BarrierProcess> {
  const child = spawnWithBarrier(import.meta.resolve("./child.ts"), options);
  console.log("the child is", await child.ready());
  return child;
}

{
  await using child = await start();
  child.place("go on");
  console.log("the child exited with", (await child.status).code);
  const { reason } = child.signal;
  console.log(reason instanceof BarrierAbortedError && reason.side);
}

const [parent, child] = Barrier.pair();
child.place();
const completions = [new Completion(), new SharedCompletion()];
for (const completion of completions) completion.complete();
await Promise.all(completions.map((completion) => completion.wait()));
console.log(await parent.waitNext());
`;

const CHILD = `\
import { inheritBarrier } from "${name}/inherit";

using parent = await inheritBarrier();
parent.place("ready " + Deno.args[0]);
if (await parent.waitNext()) console.log("the parent says", parent.note);
`;

const COMPILER_OPTIONS = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noPropertyAccessFromIndexSignature: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  isolatedDeclarations: true,
  verbatimModuleSyntax: true,
};

/** A project that depends on the package, with a cache of its own. */
async function makeProject(): Promise<TempDir> {
  const directory = await TempDir.make();
  const config = {
    imports: { [name]: `jsr:${name}@^1` },
    compilerOptions: COMPILER_OPTIONS,
  };
  const write = (file: string, text: string) =>
    Deno.writeTextFile(`${directory.path}/${file}`, text);
  await write("deno.json", JSON.stringify(config));
  await write("parent.ts", PARENT);
  await write("child.ts", CHILD);
  return directory;
}

Deno.test("The published package type-checks in a strict project, and runs there", async () => {
  await using registry = await serveRegistry();
  await using project = await makeProject();
  const deno = (...args: string[]): Promise<Output> =>
    run([Deno.execPath(), ...args], {
      cwd: project.path,
      env: {
        DENO_DIR: `${project.path}/cache`,
        JSR_URL: `http://127.0.0.1:${registry.addr.port}/`,
        NO_COLOR: "1",
      },
    });

  const check = await deno("check", "parent.ts", "child.ts");
  assertEquals(check.code, 0, check.stderr);

  const ran = await deno("run", "--allow-run", "--allow-env", "parent.ts");
  assertEquals({ ...ran, stderr: "" }, {
    code: 0,
    stdout: `\
the child is ready a b
the parent says go on
the child exited with 0
peer
true
`,
    stderr: "",
  }, ran.stderr);
});

Deno.test("The published package has what a user needs, and nothing else", async () => {
  const files = [...(await publishedFiles()).keys()].sort();
  const modules = files.filter((path) => path.endsWith(".ts"));
  assertEquals(files.filter((path) => !path.endsWith(".ts")), [
    "/CHANGELOG.md",
    "/LICENSE",
    "/PROTOCOL.md",
    "/README.md",
    "/deno.json",
    "/peers/peer.c",
    "/peers/peer.mjs",
    "/peers/peer.py",
    "/peers/peer.sh",
  ]);

  const { stdout } = await run(
    [Deno.execPath(), "info", "--no-config", "--json", `${ROOT}mod.ts`],
  );
  const loaded = JSON.parse(stdout) as { modules: { specifier: string }[] };
  assertEquals(
    loaded.modules.map(({ specifier }) => specifier)
      .filter((specifier) => specifier.startsWith("file:"))
      .map((specifier) => `/${specifier.slice(ROOT.href.length)}`).sort(),
    modules,
  );
});

Deno.test("deno task demo downloads nothing", async () => {
  await using cache = await TempDir.make();
  const nowhere = "http://127.0.0.1:1/";
  const { code, stdout, stderr } = await run(
    [Deno.execPath(), "task", "demo"],
    {
      cwd: ROOT,
      env: {
        DENO_DIR: cache.path,
        JSR_URL: nowhere,
        NPM_CONFIG_REGISTRY: nowhere,
        NO_COLOR: "1",
      },
    },
  );
  assertEquals(code, 0, stderr);
  assertEquals(stdout.match(/^All is well$/m)?.length, 1, stdout);
});
