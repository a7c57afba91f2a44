// Copyright 2026 the @ipc/barrier authors. MIT license.

/* The pipes of a child: the barrier's channel, stdin, stdout and stderr. */

import { SpawnedChannel } from "../channels/spawned.ts";
import { readAgain, readDirectly } from "../runtime/spawned_socket.ts";
import type { Launched } from "./launch.ts";
import type { Plan } from "./options.ts";
import { ChildInput } from "./child_input.ts";
import { ChildOutput } from "./output.ts";
import type { Message } from "../barrier/lines.ts";
import type { Socket } from "node:net";

/** Connects the pipes of a child with its barrier and with its streams. */
export class Streams {
  readonly channel: SpawnedChannel;
  readonly stdin: ChildInput | undefined;
  readonly stdout: ChildOutput | undefined;
  readonly stderr: ChildOutput | undefined;
  /** The outputs that barriers come from. */
  readonly #sources: ChildOutput[];
  /** The sockets that are read. */
  readonly #sockets: readonly Socket[];
  /** The outputs whose lines come before a barrier on a descriptor. */
  readonly #heard: ChildOutput[];
  /** What has arrived on a descriptor, and waits for the output before it. */
  #arrived: Uint8Array[] = [];
  /** Resolves when that is delivered. */
  #receiving: Promise<void> = Promise.resolve();
  /** The descriptor, if the channel has one of its own. */
  readonly #socket: Socket | undefined;
  /** The stdin that this process closes at the exit. */
  readonly #input: Launched["stdin"];

  constructor(
    launched: Launched,
    { stdout, stderr, readyLine, processGroup }: Pick<
      Plan,
      "stdout" | "stderr" | "readyLine" | "processGroup"
    >,
  ) {
    const deliver = (messages: readonly Message[]) =>
      this.channel.deliver(messages);
    const socket = launched.socket &&
      readDirectly(launched.socket, (bytes) => this.#receive(bytes));
    this.#socket = socket;
    this.stdout = launched.stdout && new ChildOutput({
      source: launched.stdout,
      kind: stdout,
      target: Deno.stdout,
      readyLine,
      isChannel: !socket,
      hasGroup: processGroup,
      deliver,
    });
    this.stderr = launched.stderr && new ChildOutput({
      source: launched.stderr,
      kind: stderr,
      target: Deno.stderr,
      readyLine,
      hasGroup: processGroup,
      deliver,
    });
    this.channel = new SpawnedChannel(
      socket ? { readable: socket, writable: socket, acceptsText: true } : {
        readable: this.stdout!.source,
        writable: launched.stdin!,
        acceptsText: false,
      },
    );
    this.#sockets = [socket, this.stdout?.source, this.stderr?.source]
      .filter((source) => source !== undefined);
    this.#input = socket && launched.stdin;
    this.stdin = this.#input && new ChildInput(this.#input);
    this.#sources = !socket || readyLine ? this.#outputs : [];
    this.#heard = this.#outputs.filter(({ isHeard }) => isHeard);
  }

  /**
   * Delivers what has arrived on a descriptor of its own, after the lines that
   * were printed before it: they come through other pipes.
   *
   * @returns Whether to go on reading. Otherwise, a child that writes without a
   * pause would fill this process's memory.
   */
  #receive(bytes: Uint8Array): boolean {
    if (this.#heard.length === 0) return this.channel.receive(bytes);
    const count = this.#arrived.push(bytes.slice());
    if (count === 1) {
      this.#receiving = this.#receiving.then(() => this.#deliverArrived());
    }
    return false;
  }

  async #deliverArrived(): Promise<void> {
    const arrived = this.#arrived;
    this.#arrived = [];
    await Promise.all(this.#heard.map((output) => output.catchUp()));
    for (const bytes of arrived) this.channel.receive(bytes);
    if (this.channel.goesOn()) this.#socket!.resume();
  }

  get #outputs(): ChildOutput[] {
    return [this.stdout, this.stderr].filter((output) => output !== undefined);
  }

  /** Sets whether pending writes and output keep this process alive. */
  hold(held: boolean, hasExited: boolean): void {
    this.stdin?.hold(held && !hasExited);
    for (const output of this.#outputs) output.hold(held);
  }

  /**
   * Reads what has arrived by now. A timer of an event loop that was suspended
   * may run before the loop has looked.
   */
  async readAgain(): Promise<void> {
    if (Deno.build.os === "windows") return;
    await Promise.all(this.#sockets.map((socket) => readAgain(socket)));
  }

  /** Closes the stdin of a child that has exited. */
  closeInput(): void {
    this.#input?.destroy();
  }

  /**
   * Resolves when the channel was closed, and everything that came through it
   * has been delivered.
   */
  async channelEnded(): Promise<void> {
    await this.channel.ended;
    if (!this.#socket) await this.stdout!.ended;
    await this.#receiving;
  }

  /**
   * Resolves when every barrier that an exited child had sent, or printed, has
   * been delivered.
   */
  async drainBarriers(): Promise<void> {
    await Promise.all([
      this.channel.drain(),
      ...this.#sources.map((output) => output.drain()),
    ]);
    await this.#receiving;
  }

  /** Resolves when what an exited child had printed has been written. */
  async finish(): Promise<void> {
    await Promise.all(this.#outputs.map((output) => output.finish()));
  }

  /** Resolves when what an exited child and its group had printed is written. */
  async end(): Promise<void> {
    await Promise.all(this.#outputs.map((output) => output.end()));
  }
}
