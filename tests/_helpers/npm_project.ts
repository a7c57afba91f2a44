// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * A project for Node or Bun that depends on this package as `npx jsr add` writes
 * it. A registry of the test's own has the package. `deno pack` makes it with the
 * same code as JSR: JavaScript and declarations for each module.
 */

import { type CommandLine, type Output, run } from "./run.ts";
import { testdataCommand } from "./scripts.ts";
import { TempDir } from "./temp_dir.ts";

const ROOT = new URL("../../", import.meta.url);
const { name, version } = JSON.parse(
  await Deno.readTextFile(new URL("deno.json", ROOT)),
) as { name: string; version: string };

/** What JSR calls the package for npm: "@jsr/scope__name". */
const NPM_NAME = `@jsr/${name.slice(1).replace("/", "__")}`;

/** A project in a temporary directory. */
export class NpmProject implements AsyncDisposable {
  readonly #directory: TempDir;

  private constructor(directory: TempDir) {
    this.#directory = directory;
  }

  /**
   * Makes a project, and installs what it depends on.
   *
   * @param files Its modules.
   * @param types The package of types for its runtime, with a version.
   * @param install The command that installs.
   */
  static async make(
    files: Record<string, string>,
    types: { name: string; version: string },
    install: CommandLine,
  ): Promise<NpmProject> {
    const project = new NpmProject(await TempDir.make());
    try {
      await using registry = await serveRegistry();
      await project.#write({
        ".npmrc": `@jsr:registry=http://127.0.0.1:${registry.addr.port}\n`,
        "package.json": JSON.stringify({
          type: "module",
          dependencies: { [name]: `npm:${NPM_NAME}@^${version}` },
          devDependencies: { [types.name]: types.version },
        }),
        "tsconfig.json": JSON.stringify({
          compilerOptions: {
            module: "nodenext",
            target: "es2022",
            lib: ["es2023", "esnext.disposable"],
            types: [types.name.replace("@types/", "")],
            strict: true,
            exactOptionalPropertyTypes: true,
            noUncheckedIndexedAccess: true,
            skipLibCheck: false,
          },
        }),
        ...files,
      });
      const { code, stdout, stderr } = await project.run(install);
      if (code !== 0) throw new Error(stdout + stderr);
      return project;
    } catch (error) {
      await project[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Checks the types of the project and of this package, and compiles it. */
  compile(): Promise<Output> {
    const flags = ["--allow-all", "--no-config"];
    return this.run(testdataCommand("compile.ts", [name], flags));
  }

  /** Runs a program in the project. */
  run(command: CommandLine): Promise<Output> {
    return run(command, { cwd: this.#directory.path, env: { NO_COLOR: "1" } });
  }

  async #write(files: Record<string, string>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${this.#directory.path}/${path}`, text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}

/** A registry for npm that has this package alone. */
async function serveRegistry(): Promise<Deno.HttpServer<Deno.NetAddr>> {
  const tarball = await (packed ??= pack()); // the same for all projects
  const hash = await crypto.subtle.digest("SHA-512", tarball);
  const integrity = `sha512-${new Uint8Array(hash).toBase64()}`;
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ url }) => {
      const { origin, pathname } = new URL(url);
      if (pathname === "/package.tgz") return new Response(tarball);
      if (decodeURIComponent(pathname) !== `/${NPM_NAME}`) {
        return new Response(null, { status: 404 });
      }
      const dist = { tarball: `${origin}/package.tgz`, integrity };
      return Response.json({
        name: NPM_NAME,
        "dist-tags": { latest: version },
        versions: { [version]: { name: NPM_NAME, version, dist } },
      });
    },
  );
}

let packed: Promise<Uint8Array<ArrayBuffer>> | undefined;

async function pack(): Promise<Uint8Array<ArrayBuffer>> {
  await using directory = await TempDir.make();
  const path = `${directory.path}/package.tgz`;
  const { code, stderr } = await run(
    [Deno.execPath(), "pack", "--allow-dirty", "--output", path],
    { cwd: ROOT, env: { NO_COLOR: "1" } },
  );
  if (code !== 0) throw new Error(stderr);
  return await Deno.readFile(path);
}
