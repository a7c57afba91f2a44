// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * OpenSSH's server on loopback, with keys and a configuration of its own in a
 * temporary directory, which is also the home of whoever logs in.
 */

import { type CommandLine, run, start } from "./run.ts";
import { readUntil } from "./scripts.ts";
import { TempDir } from "./temp_dir.ts";

/** Where systems keep the server, which must be started by its absolute path. */
export const SSHD = "/usr/sbin/sshd";

/** A running server. The client calls its host `remote`. */
export class Sshd implements AsyncDisposable {
  readonly #home: TempDir;
  readonly #server: Deno.ChildProcess;
  readonly #port: number;
  readonly #log: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(
    home: TempDir,
    server: Deno.ChildProcess,
    port: number,
    log: ReadableStreamDefaultReader<Uint8Array>,
  ) {
    this.#home = home;
    this.#server = server;
    this.#port = port;
    this.#log = log;
  }

  static async start(): Promise<Sshd> {
    const home = await TempDir.make();
    await configure(home.path);
    for (;;) {
      const port = freePort();
      const server = start(
        [
          SSHD,
          "-D",
          "-e",
          "-f",
          `${home.path}/sshd_config`,
          "-p",
          String(port),
        ],
        { stdin: "null", stdout: "null" },
      );
      const log = server.stderr.getReader();
      const text = await readUntil(log, "Server listening");
      if (text.includes("Server listening")) {
        return new Sshd(home, server, port, log);
      }
      await server.status;
      if (text.includes("Address already in use")) continue; // since just now
      await home[Symbol.asyncDispose]();
      throw new Error(`Cannot start sshd: ${text}`);
    }
  }

  /** The options of `ssh` for this server, and for nothing that is the user's. */
  get options(): string[] {
    return ["-F", `${this.#home.path}/ssh_config`, "-p", String(this.#port)];
  }

  /** The words that run a command there. */
  command(...words: string[]): CommandLine {
    // The words go to a shell as one text. It is to make way for the command.
    const line = ["exec", ...words.map(quote)];
    return ["ssh", "-T", ...this.options, "remote", ...line];
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

async function configure(home: string): Promise<void> {
  await Deno.mkdir(`${home}/bin`);
  await Deno.symlink(Deno.execPath(), `${home}/bin/deno`);
  await makeKey(`${home}/host_key`);
  await makeKey(`${home}/user_key`);
  const hostKey = await Deno.readTextFile(`${home}/host_key.pub`);
  await Deno.writeTextFile(`${home}/known_hosts`, `remote ${hostKey}`);
  await Deno.writeTextFile(
    `${home}/sshd_config`,
    `
ListenAddress 127.0.0.1
PidFile none
HostKey "${home}/host_key"
AuthenticationMethods publickey
AuthorizedKeysFile "${home}/user_key.pub"
StrictModes no
PermitUserRC no
SetEnv "HOME=${home}" "PATH=${home}/bin:/usr/bin:/bin"
`,
  );
  await Deno.writeTextFile(
    `${home}/ssh_config`,
    `
Host remote
  HostName 127.0.0.1
  HostKeyAlias remote
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
