// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * OpenSSH's server, with keys and a configuration of its own in a temporary
 * directory, which is also the home of whoever logs in.
 */

import { type CommandLine, run, start } from "./run.ts";
import { readUntil } from "./scripts.ts";
import { TempDir } from "./temp_dir.ts";

/** Where systems keep the server, which must be started by its absolute path. */
export const SSHD = "/usr/sbin/sshd";

/** Where a server runs. */
export interface SshdOptions {
  /** What the client calls its host: `remote` by default. */
  name?: string;
  /** The address that it listens on: that of loopback by default. */
  address?: string;
  /** The words before its command line. */
  prefix?: readonly string[];
  /** More lines of its configuration. */
  settings?: string;
}

/** A running server. */
export class Sshd implements AsyncDisposable {
  /** The process ID of the server that listens. */
  readonly pid: number;
  readonly port: number;
  readonly #name: string;
  readonly #home: TempDir;
  readonly #server: Deno.ChildProcess;
  readonly #log: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(
    name: string,
    home: TempDir,
    server: Deno.ChildProcess,
    port: number,
    log: ReadableStreamDefaultReader<Uint8Array>,
  ) {
    this.pid = server.pid;
    this.port = port;
    this.#name = name;
    this.#home = home;
    this.#server = server;
    this.#log = log;
  }

  static async start(options: SshdOptions = {}): Promise<Sshd> {
    const { name = "remote", address = "127.0.0.1", prefix = [], settings } =
      options;
    const home = await TempDir.make();
    await configure(home.path, name, address, settings);
    for (;;) {
      const port = freePort();
      const server = start(
        [
          ...prefix,
          ...[SSHD, "-D", "-e", "-f", `${home.path}/sshd_config`],
          ...["-p", String(port)],
        ] as unknown as CommandLine,
        { stdin: "null", stdout: "null" },
      );
      const log = server.stderr.getReader();
      const text = await readUntil(log, "Server listening");
      if (text.includes("Server listening")) {
        await Deno.writeTextFile(
          `${home.path}/ssh_config`,
          `  Port ${port}\n`,
          { append: true },
        );
        return new Sshd(name, home, server, port, log);
      }
      await server.status;
      if (text.includes("Address already in use")) continue; // since just now
      await home[Symbol.asyncDispose]();
      throw new Error(`Cannot start sshd: ${text}`);
    }
  }

  /** The options of `ssh` for this server, and for nothing that is the user's. */
  get options(): string[] {
    return ["-F", this.clientConfig];
  }

  /** The file of those options. */
  get clientConfig(): string {
    return `${this.#home.path}/ssh_config`;
  }

  /** The words that run a command there. */
  command(...words: string[]): CommandLine {
    // The words go to a shell as one text. It is to make way for the command.
    const line = ["exec", ...words.map(quote)];
    return ["ssh", "-T", ...this.options, this.#name, ...line];
  }

  /** Stops listening, and waits until no process of the server's is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.kill();
    await readUntil(this.#log, "\0"); // its end: each session holds it as well
    this.#log.releaseLock();
    await this.#server.status;
    await this.#home[Symbol.asyncDispose]();
  }
}

async function configure(
  home: string,
  name: string,
  address: string,
  settings = "",
): Promise<void> {
  await Deno.mkdir(`${home}/bin`);
  await Deno.symlink(Deno.execPath(), `${home}/bin/deno`);
  await makeKey(`${home}/host_key`);
  await makeKey(`${home}/user_key`);
  const hostKey = await Deno.readTextFile(`${home}/host_key.pub`);
  await Deno.writeTextFile(`${home}/known_hosts`, `${name} ${hostKey}`);
  await Deno.writeTextFile(
    `${home}/sshd_config`,
    `
ListenAddress ${address}
PidFile none
HostKey "${home}/host_key"
AuthenticationMethods publickey
AuthorizedKeysFile "${home}/user_key.pub"
StrictModes no
PermitUserRC no
SetEnv "HOME=${home}" "DENO_DIR=${denoDir()}" "PATH=${home}/bin:/usr/bin:/bin"
${settings}
`,
  );
  await Deno.writeTextFile(
    `${home}/ssh_config`,
    `
Host ${name}
  HostName ${address}
  HostKeyAlias ${name}
  UserKnownHostsFile "${home}/known_hosts"
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  IdentityFile "${home}/user_key"
  IdentitiesOnly yes
  IdentityAgent none
  BatchMode yes
  LogLevel ERROR
`,
  );
  // Debian's server wants it where it runs as root, and its service makes it.
  if (Deno.uid() === 0) await Deno.mkdir("/run/sshd", { recursive: true });
}

/** The cache of this user's Deno: with an empty one it starts three times slower. */
function denoDir(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ??
    `${Deno.env.get("HOME")}/.cache`;
  return Deno.env.get("DENO_DIR") ?? `${cache}/deno`;
}

async function makeKey(path: string): Promise<void> {
  const options = ["-q", "-t", "ed25519", "-N", "", "-f", path];
  const { code, stderr } = await run(["ssh-keygen", ...options]);
  if (code !== 0) throw new Error(stderr);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
