// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * A child process that does, step by step, what a test asks for. The steps go
 * over a connection of their own, so the barrier's channel carries nothing but
 * the barrier.
 *
 * No step needs to wait for time to pass. A side's bytes are in the kernel when
 * its call returns, so when a step is done its bytes only need to be read: the
 * child waits until it has read as many as were sent to it, and here a few turns
 * of the event loop read what there is.
 */

import {
  type Barrier,
  type BarrierChannelKind,
  type BarrierProcess,
  spawnWithBarrier,
} from "../../mod.ts";
import { turnEventLoop } from "./event_loop.ts";
import { messages } from "./messages.ts";

/** The channels that a test runs on. */
export const CHANNELS: readonly BarrierChannelKind[] =
  Deno.build.os === "windows" ? ["stdio"] : ["fd", "stdio"];

/** A kind of child to drive: its channel, and the Deno that runs it. */
export interface Peer {
  channel: BarrierChannelKind;
  deno?: string;
}

/** The children to drive. `deno task versions` adds one that an older Deno runs. */
export const PEERS: readonly Peer[] = [
  ...CHANNELS.map((channel) => ({ channel })),
  ...[Deno.env.get("BARRIER_TEST_DENO")].filter((deno) => deno !== undefined)
    .map((deno) => ({ channel: "stdio" as const, deno })),
];

/** What a driven child can do. */
export type Call =
  | "place"
  | "abort"
  | "waitNext"
  | "syncNext"
  | "sync"
  | "placeAndSync"
  | "waitAbortion"
  | "destroy"
  | "exit"
  | "flags";

/** A call of the child: its result, if it has come, or what it will be. */
export interface Step {
  blocked: boolean;
  result: Promise<unknown>;
}

/** What the child answers: what became of a call, now or later. */
export interface Answer {
  id: number;
  blocked?: boolean;
  result?: unknown;
}

/** A driven child, and the parent's side of its barrier. */
export class DrivenChild implements AsyncDisposable {
  readonly barrier: Barrier;
  /** The process, if it has no other children in it. */
  readonly #process: BarrierProcess | undefined;
  readonly #connection: Deno.Conn;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #results = new Map<number, (result: unknown) => void>();
  readonly #reading: Promise<void>;
  #isConnected = true;
  #calls = 0;
  /** How many bytes went to the child, and whether an end is behind them. */
  #sent = 0;
  #ended = false;

  constructor(barrier: Barrier | BarrierProcess, connection: Deno.Conn) {
    this.barrier = barrier;
    this.#process = "exited" in barrier ? barrier : undefined;
    this.#connection = connection;
    this.#countSent(barrier);
    this.#reading = this.#read();
  }

  static async spawn({ channel, deno }: Peer): Promise<DrivenChild> {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const module = new URL("../testdata/driven.ts", import.meta.url);
    const args = [String(listener.addr.port)];
    const barrier = deno === undefined
      ? spawnWithBarrier(module, {
        channel,
        args,
        permissions: { net: ["127.0.0.1"], env: true },
        exitGracePeriod: 0, // it listens to the test alone
      })
      : spawnWithBarrier(
        [deno, "run", "--allow-net", "--allow-env", module.href, ...args],
        { channel },
      );
    return new DrivenChild(barrier, await listener.accept());
  }

  /** Makes the child call, and waits until the result is known, or none is due. */
  async start(call: Call, argument?: string): Promise<Step> {
    const id = this.#calls++;
    const { promise: result, resolve } = Promise.withResolvers<unknown>();
    const answer = new Promise<Answer>((resolve) => {
      this.#answers.set(id, resolve);
    });
    this.#results.set(id, resolve);
    const command = {
      id,
      call,
      argument,
      sent: this.#sent,
      ended: this.#ended,
    };
    await this.#connection.write(
      new TextEncoder().encode(JSON.stringify(command) + "\n"),
    );
    const { blocked = false } = await answer;
    await turnEventLoop();
    return { blocked, result };
  }

  /** Makes the child call, and waits for the result. */
  async call(call: Call, argument?: string): Promise<unknown> {
    const { result } = await this.start(call, argument);
    return await result;
  }

  /** The child exits, and this side has noticed. */
  async exit(): Promise<void> {
    const { signal } = this.barrier;
    await this.start("exit");
    await this.#process?.exited;
    if (this.#ended || signal.aborted) return;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.stop();
    this.barrier.destroy();
    if (this.#isConnected) await this.#connection.closeWrite();
    await this.#reading;
  }

  async #read(): Promise<void> {
    for await (const answer of messages<Answer>(this.#connection.readable)) {
      this.#answers.get(answer.id)?.(answer);
      this.#answers.delete(answer.id);
      if (answer.blocked) continue;
      this.#results.get(answer.id)?.(answer.result);
      this.#results.delete(answer.id);
    }
    this.#isConnected = false;
    // It is gone: its last call, "exit", has no answer.
    for (const [id, resolve] of this.#answers) resolve({ id });
  }

  #countSent(barrier: Barrier): void {
    const place = barrier.place;
    barrier.place = (note) => {
      const placed = place.call(barrier, note);
      if (placed) this.#sent += encode(note === undefined ? "" : `+${note}`);
      return placed;
    };
    const abort = barrier.abort;
    barrier.abort = (reason) => {
      if (!barrier.iAborted) {
        this.#sent += encode(
          reason === undefined ? "abort" : `abort ${reason}`,
        );
      }
      return abort.call(barrier, reason);
    };
    const destroy = barrier.destroy;
    barrier.destroy = () => {
      this.#ended = true;
      destroy.call(barrier);
    };
  }
}

/** How many bytes a line takes on the channel. */
function encode(line: string): number {
  return new TextEncoder().encode(line).length + 1;
}
