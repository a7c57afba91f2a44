// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * What `BARRIER_TRACE=1` prints to stderr: one line for each thing that a side
 * of a barrier does, and for each that it learns of its peer.
 *
 *     1764064609123.456 barrier 4711 parent of 4712: place 1: go on
 *
 * What a side does is one of
 *
 *     open                      it was made
 *     place N: NOTE             N counts all that it placed
 *     wait N begins: METHOD
 *     wait N ends: RESULT       `true` or `false`
 *     wait N is cancelled: REASON
 *     take N: NOTE              N counts all that arrived; so it is the peer's N
 *     drop N: NOTE              an abortion or a hang-up made it void
 *     abort: REASON
 *     hang up                   it was destroyed
 *
 * and what it learns of its peer one of
 *
 *     peer aborts: REASON
 *     peer closes its channel: HOW
 *     peer hangs up: HOW
 *
 * each without the colon and what follows where there is nothing to say.
 *
 * The time is in milliseconds and comes first, so that sorting the lines of both
 * processes as text tells one story. What a side does is printed before the peer
 * can learn of it, and what it learns before it acts on that.
 */

import { Arrivals } from "./barrier/arrivals.ts";
import type {
  BarrierChannel,
  BarrierWaitOptions,
  MessageReceiver,
} from "./barrier/channel.ts";
import type { BarrierAbortedError } from "./barrier/error.ts";
import {
  cut,
  encode,
  LF,
  LineReader,
  type Message,
  parseLine,
} from "./barrier/lines.ts";
import type { Barrier } from "../barrier.ts";

/** How many characters of a note or a reason are shown. */
const TEXT_MAX = 100;

const WAITS = ["waitNext", "syncNext", "sync", "waitAbortion"] as const;

/** A channel that prints what goes through it. */
export class TracedChannel implements BarrierChannel {
  readonly acceptsText: boolean;
  /** The barrier keeps here what has arrived; see `Arrivals.of`. */
  readonly arrivals: Arrivals;
  readonly #channel: BarrierChannel;
  readonly #print: (event: string, text?: string) => void;
  #placed = 0;
  #waits = 0;
  #barrier: Barrier | undefined;

  /**
   * @param channel The channel that is traced.
   * @param who Which side this is, as the lines call it.
   */
  constructor(channel: BarrierChannel, who: string) {
    this.#channel = channel;
    this.acceptsText = channel.acceptsText ?? false;
    this.#print = (event, text) => printLine(who, event, text);
    this.arrivals = new TracedArrivals((number, note) => {
      // An abortion makes void what had arrived.
      const verb = this.#barrier?.isAborted ? "drop" : "take";
      this.#print(`${verb} ${number}`, note);
    });
  }

  /** Prints the waits of the barrier that is on this channel, too. */
  watchWaits(barrier: Barrier): void {
    this.#barrier = barrier;
    for (const name of WAITS) {
      const wait = barrier[name];
      shadow(barrier, name, (options?: BarrierWaitOptions) =>
        this.#wait(
          name,
          () => wait.call(barrier, options),
          (isTrue) => isTrue,
        ));
    }
    const iterate = barrier[Symbol.asyncIterator];
    shadow(barrier, Symbol.asyncIterator, () => {
      const iterator = iterate.call(barrier);
      const next = iterator.next;
      shadow(iterator, "next", () =>
        this.#wait(
          "next",
          () => next.call(iterator),
          ({ done }) => !done,
        ));
      return iterator;
    });
  }

  /** Prints a wait. What it gives settles as the wait does, and is handled so. */
  #wait<T>(
    name: string,
    wait: () => Promise<T>,
    hasCome: (result: T) => boolean,
  ): Promise<T> {
    const number = ++this.#waits;
    this.#print(`wait ${number} begins: ${name}`);
    return wait().then(
      (result) => {
        this.#print(`wait ${number} ends: ${hasCome(result)}`);
        return result;
      },
      (reason) => {
        this.#print(`wait ${number} is cancelled`, describe(reason));
        throw reason;
      },
    );
  }

  open(receiver: MessageReceiver): void {
    const reader = new LineReader(this.acceptsText);
    let isAborted = false;
    const onMessage = (message: Message): boolean => {
      if (message.kind === "abort") this.#print("peer aborts", message.reason);
      isAborted = message.kind !== "barrier";
      return !isAborted;
    };
    this.#print("open");
    const traced: MessageReceiver = {
      receive: (bytes) => {
        if (!isAborted) reader.read(bytes, onMessage);
        receiver.receive(bytes);
      },
      deliver: (messages) => {
        if (!isAborted) messages.every(onMessage);
        receiver.deliver(messages);
      },
      end: (error) => {
        this.#print("peer closes its channel", error?.message);
        receiver.end(error);
      },
      hangUp: (error?: BarrierAbortedError) => {
        this.#print("peer hangs up", error?.message);
        receiver.hangUp(error);
      },
    };
    this.#channel.open(traced);
  }

  send(bytes: Uint8Array): void {
    const line = bytes.subarray(0, bytes.lastIndexOf(LF));
    const message = parseLine(line, false);
    if (message.kind === "barrier") {
      this.#print(`place ${++this.#placed}`, message.note);
    } else if (message.kind === "abort") {
      this.#print("abort", message.reason);
    }
    this.#channel.send(bytes);
  }

  close(): void {
    this.#print("hang up");
    this.#channel.close();
  }

  ref(): void {
    this.#channel.ref();
  }

  unref(): void {
    this.#channel.unref();
  }

  watch(): void {
    this.#channel.watch?.();
  }
}

/** Tells what is taken, one barrier after the other. */
class TracedArrivals extends Arrivals {
  readonly #onTake: (number: number, note: string | undefined) => void;
  #number = 0;

  constructor(onTake: (number: number, note: string | undefined) => void) {
    super();
    this.#onTake = onTake;
  }

  override takeOne(): string | undefined {
    const note = super.takeOne();
    this.#onTake(++this.#number, note);
    return note;
  }

  override takeAll(): string | undefined {
    let newest: string | undefined;
    while (this.count > 0) newest = this.takeOne() ?? newest;
    return newest;
  }
}

/** Puts a method in front of the one that an object's class has. */
function shadow(object: object, name: PropertyKey, method: unknown): void {
  Object.defineProperty(object, name, {
    value: method,
    configurable: true,
    writable: true,
  });
}

/** When the last line was printed. */
let last = 0;

function printLine(who: string, event: string, text?: string): void {
  // No two lines of a process have the same time, so they sort as they came.
  const now = performance.timeOrigin + performance.now();
  last = Math.max(now, last + 0.001);
  const more = text ? `: ${cut(text, TEXT_MAX)}` : "";
  try {
    Deno.stderr.writeSync(
      encode(
        `${last.toFixed(3)} barrier ${Deno.pid} ${who}: ${event}${more}\n`,
      ),
    );
  } catch {
    // Nobody reads it.
  }
}

/** Tells what a signal was aborted with, whatever that is. */
export function describe(reason: unknown): string {
  try {
    if (reason instanceof Error) return String(reason.message);
    return typeof reason === "string" ? reason : Deno.inspect(reason);
  } catch {
    return "a reason that cannot be read";
  }
}
