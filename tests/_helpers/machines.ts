// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Machines of the test's own: network namespaces, each with OpenSSH's server and
 * one link to the namespace of the client. Nothing of them reaches the network of
 * the system. They share its files and processes.
 */

import { isInstalled } from "./programs.ts";
import { type CommandLine, run } from "./run.ts";
import { SSHD, Sshd } from "./sshd.ts";
import { TempDir } from "./temp_dir.ts";

/** Unique, because namespaces have names of the system's. */
const PREFIX = `barrier-${Deno.pid}-`;

/** Whether this system lets a test make machines; says why if it does not. */
export async function canMakeMachines(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) {
    console.log("Ignoring tests: only root on Linux can make namespaces");
    return false;
  }
  if (![SSHD, "ssh", "ip"].every(isInstalled)) return false;
  try {
    await using machines = new Machines();
    await machines.addNamespaces([]);
    return true;
  } catch (error) {
    const why = String(error).trim();
    console.log(`Ignoring tests: no namespaces can be made here: ${why}`);
    return false;
  }
}

/** Several machines, and a client that can reach them. */
export class Machines implements AsyncDisposable {
  readonly #client = `${PREFIX}client`;
  readonly #namespaces: string[] = [];
  readonly #servers = new Map<string, Sshd>();
  readonly #stack = new AsyncDisposableStack();
  #bin = "";

  /** Makes machines. `ssh` knows them by their names. */
  static async start(names: readonly string[]): Promise<Machines> {
    const machines = new Machines();
    try {
      await machines.addNamespaces(names);
      for (const [index, name] of names.entries()) {
        await machines.#serve(name, addresses(index).host);
      }
      await machines.#configureClient();
      return machines;
    } catch (error) {
      await machines[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The command line that runs a program on the client. */
  onClient([program, ...args]: CommandLine): CommandLine {
    const path = `PATH=${this.#bin}:${Deno.env.get("PATH")}`;
    const inside = ["netns", "exec", this.#client, "env", path] as const;
    return ["ip", ...inside, program, ...args];
  }

  /** Takes the link of a machine down: what is sent there is lost. */
  async cut(name: string): Promise<void> {
    await ip("-n", PREFIX + name, "link", "set", "eth0", "down");
  }

  /** The processes on a machine, except the server that listens. */
  async processes(name: string): Promise<number[]> {
    const pids = await ip("netns", "pids", PREFIX + name);
    return pids.trim().split("\n").filter((pid) => pid !== "").map(Number)
      .filter((pid) => pid !== this.#servers.get(name)!.pid);
  }

  /** What is left of machines on this system: their namespaces and links. */
  static async left(): Promise<string[]> {
    const namespaces = (await ip("netns", "list")).split("\n");
    const links = (await ip("-oneline", "link")).split("\n");
    return [...namespaces, ...links].filter((line) => line.includes(PREFIX));
  }

  /** Makes the client's namespace, and for each name a namespace with a link. */
  async addNamespaces(names: readonly string[]): Promise<void> {
    await this.#addNamespace(this.#client);
    await ip("netns", "exec", this.#client, "true");
    for (const [index, name] of names.entries()) {
      const host = PREFIX + name;
      const { client: near, host: far } = addresses(index);
      await this.#addNamespace(host);
      // Its two ends are never in the namespace of the system.
      const ends = [`to-${name}`, "eth0"] as const;
      await ip(
        ...["-n", this.#client, "link", "add", ends[0], "type", "veth"],
        ...["peer", "name", ends[1], "netns", host],
      );
      await setUp(this.#client, ends[0], near);
      await setUp(host, ends[1], far);
      await ip("-n", host, "link", "set", "lo", "up");
    }
  }

  async #addNamespace(name: string): Promise<void> {
    await ip("netns", "add", name);
    this.#namespaces.push(name);
  }

  async #serve(name: string, address: string): Promise<void> {
    const server = await Sshd.start({
      name,
      address,
      prefix: ["ip", "netns", "exec", PREFIX + name],
      // Without it, a server whose link was cut would keep its session.
      settings: "ClientAliveInterval 1",
    });
    this.#servers.set(name, server);
    this.#stack.use(server);
  }

  /** Puts an `ssh` before the system's that knows the machines. */
  async #configureClient(): Promise<void> {
    const directory = this.#stack.use(await TempDir.make());
    this.#bin = directory.path;
    const includes = [...this.#servers.values()].map(({ clientConfig }) =>
      `Include "${clientConfig}"\n`
    );
    const config = `${this.#bin}/config`;
    await Deno.writeTextFile(config, includes.join(""));
    const { stdout } = await run(["sh", "-c", "command -v ssh"]);
    // Of several values of an option, ssh uses the first. It reports at this
    // level that a machine does not answer.
    const options = `-F '${config}' -o ServerAliveInterval=1 -o LogLevel=INFO`;
    const script = `#!/bin/sh\nexec ${stdout.trim()} ${options} "$@"\n`;
    await Deno.writeTextFile(`${this.#bin}/ssh`, script, { mode: 0o755 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
    for (const name of this.#namespaces) await ip("netns", "delete", name);
  }
}

/** The addresses of both ends of a link. They are reserved for documentation. */
function addresses(index: number): { client: string; host: string } {
  return {
    client: `192.0.2.${4 * index + 1}`,
    host: `192.0.2.${4 * index + 2}`,
  };
}

async function setUp(
  namespace: string,
  link: string,
  address: string,
): Promise<void> {
  await ip("-n", namespace, "address", "add", `${address}/30`, "dev", link);
  await ip("-n", namespace, "link", "set", link, "up");
}

async function ip(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(["ip", ...args]);
  if (code !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr.trim()}`);
  return stdout;
}
