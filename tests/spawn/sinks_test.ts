// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import fc from "npm:fast-check@4.11.0";
import type { Socket } from "node:net";
import {
  ForwardSink,
  LineSink,
  type SinkEvents,
  StreamSink,
} from "../../src/spawn/sinks.ts";
import { flushMicrotasks, isPending } from "../_helpers/event_loop.ts";
import { pieces } from "../_helpers/pieces.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const MEBIBYTE = 1024 * 1024;

function push(sink: { push(bytes: Uint8Array): void }, text: string): void {
  sink.push(encoder.encode(text));
}

/** Counts the events of a sink. */
class Events implements SinkEvents {
  room = 0;
  closed = 0;
  readonly onRoom = (): void => void this.room++;
  readonly onClosed = (): void => void this.closed++;
}

/** An output of this process that writes when the test lets it. */
class Target {
  written = "";
  /** What the next writes fail with. */
  readonly errors: unknown[] = [];
  #gate: Promise<void> | undefined;

  /** Lets no write through until what it returns is called. */
  block(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.#gate;
    if (this.errors.length > 0) throw this.errors.shift();
    this.written += decoder.decode(bytes);
    return bytes.length;
  }
}

// ForwardSink

Deno.test("ForwardSink does not mix the lines of two children", async () => {
  const target = new Target();
  const [a, b] = [
    new ForwardSink(target, new Events()),
    new ForwardSink(target, new Events()),
  ];
  push(a, "a1 ");
  await flushMicrotasks();
  assertEquals(target.written, "a1 "); // a prompt is not held back
  push(b, "b1\nb2 ");
  push(a, "a2\na3 ");
  push(b, "b3\n");
  push(a, "a4\n");
  await Promise.all([a.flush(), b.flush()]);
  const lines = target.written.split("\n");
  assertEquals(lines.sort(), ["", "a1 a2", "a3 a4", "b1", "b2 b3"]);
});

Deno.test("ForwardSink writes half a line after the lines that wait", async () => {
  const target = new Target();
  const open = target.block();
  const [first, half, whole] = Array.from(
    { length: 3 },
    () => new ForwardSink(target, new Events()),
  );
  push(first!, "first\n");
  await flushMicrotasks();
  push(half!, "half ");
  push(whole!, "whole\n");
  open();
  await whole!.flush();
  push(half!, "a line\n");
  await half!.flush();
  assertEquals(target.written, "first\nwhole\nhalf a line\n");
});

Deno.test("ForwardSink begins no line that has not ended while others have lines", async () => {
  const target = new Target();
  const open = target.block();
  const [first, half, whole] = Array.from(
    { length: 3 },
    () => new ForwardSink(target, new Events()),
  );
  push(first!, "first\n");
  await flushMicrotasks();
  push(half!, "a line\nhalf");
  push(whole!, "another\n");
  open();
  await whole!.flush();
  push(half!, " of one\n");
  await half!.flush();
  assertEquals(target.written, "first\na line\nanother\nhalf of one\n");
});

Deno.test("ForwardSink writes whole lines of each child in turn", async () => {
  const target = new Target();
  const open = target.block();
  const sinks = ["a", "b"].map((name) => {
    const sink = new ForwardSink(target, new Events());
    for (let i = 0; i < 2_000; i++) push(sink, `${name.repeat(99)}\n`);
    return sink;
  });
  open();
  await Promise.all(sinks.map((sink) => sink.flush()));
  const lines = target.written.split("\n");
  assertEquals(lines.pop(), "");
  assertEquals(lines.filter((line) => !/^(a+|b+)$/.test(line)), []);
  assertEquals(lines.length, 4_000);
  // Neither waits for all of the other.
  assert(target.written.indexOf("b") < target.written.lastIndexOf("a"));
});

Deno.test("ForwardSink waits only a while for the end of another child's line", async () => {
  const target = new Target();
  const prompt = new ForwardSink(target, new Events());
  const other = new ForwardSink(target, new Events());
  push(prompt, "Password: ");
  await prompt.flush();
  push(other, "line\n");
  await other.flush();
  assertEquals(target.written, "Password: line\n");
});

Deno.test("ForwardSink.flush() resolves when what was pushed before it is written", async () => {
  const target = new Target();
  const sink = new ForwardSink(target, new Events());
  await sink.flush();
  let open = target.block();
  push(sink, "first\n");
  const flushed = sink.flush();
  assert(await isPending(flushed));
  await flushMicrotasks();
  push(sink, "second\n");
  const first = open;
  open = target.block();
  first();
  await flushed;
  assert(sink.isWriting);
  assertEquals(target.written, "first\n");
  open();
  await sink.flush();
  assertFalse(sink.isWriting);
  assertEquals(target.written, "first\nsecond\n");
});

Deno.test("ForwardSink is full with 16 MiB, and reports once that it has room", async () => {
  const target = new Target();
  const open = target.block();
  const events = new Events();
  const sink = new ForwardSink(target, events);
  const block = new Uint8Array(64 * 1024);
  let pushed = 0;
  while (!sink.isFull) {
    sink.push(block);
    pushed += block.length;
    await flushMicrotasks();
  }
  assertEquals(pushed, 16 * MEBIBYTE + block.length); // one is being written
  assertEquals(events.room, 0);
  open();
  await sink.flush();
  assertEquals(events.room, 1); // resuming the pipe costs more than a write
  assertFalse(sink.isFull);
});

Deno.test("ForwardSink drops what it holds when nobody reads the output any more", async () => {
  const target = new Target();
  const open = target.block();
  const events = new Events();
  const [sink, other] = [
    new ForwardSink(target, events),
    new ForwardSink(target, new Events()),
  ];
  for (let i = 0; i < 10; i++) push(sink, "lost\n".repeat(10_000));
  push(other, "written\n");
  target.errors.push(new Deno.errors.BrokenPipe());
  open();
  await Promise.all([sink.flush(), other.flush()]);
  assertEquals(sink.size, 0);
  assertEquals(events.closed, 1);
  assertEquals(sink.failure, undefined);
  push(sink, "more\n");
  assertEquals(sink.size, 0);
  assertEquals(target.written, "written\n");
});

Deno.test("ForwardSink reports a full disk once, and writes on when there is room", async () => {
  const reports: string[] = [];
  const { error } = console;
  console.error = (text: string) => void reports.push(text);
  try {
    const target = new Target();
    const events = new Events();
    const sink = new ForwardSink(target, events);
    const failure = new Error("No space left on device (os error 28)");
    for (const what of ["one\n", "two\n"]) {
      target.errors.push(failure);
      push(sink, what);
      await sink.flush();
    }
    push(sink, "three\n");
    await sink.flush();
    assertEquals(target.written, "three\n");
    assertEquals(sink.failure, failure);
    assertEquals(events.closed, 0);
    assertEquals(reports, [
      "Cannot write what a child prints to stdout: No space left on device (os error 28)",
    ]);
  } finally {
    console.error = error;
  }
});

// LineSink

function linesOf(output: string, lengths: readonly number[] = []): string[] {
  const lines: string[] = [];
  const sink = new LineSink((line) => lines.push(line));
  for (const piece of pieces(encoder.encode(output), lengths)) sink.push(piece);
  sink.end();
  sink.end();
  return lines;
}

Deno.test("LineSink passes on each line without its end, wherever the output is cut", () => {
  const part = fc.constantFrom(
    "\n",
    "\r\n",
    "\r",
    "a",
    "nöte",
    "\x1b[1m",
    "🙂",
  );
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 20 }).map((parts) => parts.join("")),
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 }),
      (output, lengths) => {
        const expected = output.split(/\r?\n/);
        const last = expected.pop()!;
        // The last one counts if there is something of it.
        if (last !== "") expected.push(last.replace(/\r$/, ""));
        assertEquals(linesOf(output, lengths), expected);
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("LineSink passes on a longer line in pieces of 64 KiB, and no character in two", () => {
  const size = 64 * 1024;
  for (const lengths of [[], [1_000], [size]]) {
    const whole = "x".repeat(size);
    assertEquals(linesOf(`${whole}\nb\n`, lengths), [whole, "b"]);
    assertEquals(linesOf(`${whole}y\n\n`, lengths), [whole, "y", ""]);
    assertEquals(linesOf(`${whole}\r\n`, lengths), [whole]);
    const wide = "🙂".repeat(40_000);
    const parts = linesOf(`_${wide}`, lengths);
    assertEquals(parts.length, 3);
    assertEquals(parts.join(""), `_${wide}`);
  }
});

Deno.test("LineSink replaces what is not UTF-8, and keeps a byte order mark", () => {
  const lines: string[] = [];
  const sink = new LineSink((line) => lines.push(line));
  sink.push(Uint8Array.of(0xef, 0xbb, 0xbf, 0xff, 0x0a, 0xc3));
  sink.end();
  assertEquals(lines, ["\ufeff\ufffd", "\ufffd"]);
});

Deno.test("LineSink reports what the function throws, and goes on", async () => {
  const errors: unknown[] = [];
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    errors.push(event.error);
  };
  addEventListener("error", onError);
  const failure = new Error("thrown");
  const lines: string[] = [];
  const sink = new LineSink((line) => {
    lines.push(line);
    if (line === "a") throw failure;
  });
  push(sink, "a\nb\n");
  await flushMicrotasks();
  removeEventListener("error", onError);
  assertEquals(lines, ["a", "b"]);
  assertEquals(errors, [failure]);
});

// StreamSink

/** A pipe that counts what keeps the event loop alive. */
class Source {
  readonly destroyed = false;
  isHeld = true;

  ref(): void {
    this.isHeld = true;
  }

  unref(): void {
    this.isHeld = false;
  }
}

function streamSink(): { sink: StreamSink; source: Source; events: Events } {
  const source = new Source();
  const events = new Events();
  const sink = new StreamSink(source as unknown as Socket, events);
  return { sink, source, events };
}

Deno.test("StreamSink.stream serves two reads at once, each with a chunk", async () => {
  const { sink } = streamSink();
  const reader = sink.stream.getReader();
  const reads = [reader.read(), reader.read(), reader.read()];
  await flushMicrotasks();
  push(sink, "one");
  await flushMicrotasks();
  push(sink, "two");
  push(sink, "three");
  const texts = (await Promise.all(reads)).map(({ value }) =>
    decoder.decode(value)
  );
  assertEquals(texts, ["one", "two", "three"]);
});

Deno.test("StreamSink.stream ends reads that are pending at the end", async () => {
  const { sink } = streamSink();
  const reader = sink.stream.getReader();
  const reads = [reader.read(), reader.read()];
  await flushMicrotasks();
  push(sink, "one");
  sink.end();
  assertEquals((await reads[0])!.value, encoder.encode("one"));
  assert((await reads[1])!.done);
});

Deno.test("StreamSink.stream fills a buffer with as many bytes as a read asks for", async () => {
  const { sink } = streamSink();
  const reader = sink.stream.getReader({ mode: "byob" });
  const read = reader.read(new Uint8Array(8), { min: 5 });
  const next = reader.read(new Uint8Array(8), { min: 5 });
  for (const text of ["a", "bc", "def", "g", "h"]) {
    push(sink, text);
    await flushMicrotasks();
  }
  assertEquals(decoder.decode((await read).value), "abcdef");
  assert(await isPending(next));
  sink.end();
  assertEquals(decoder.decode((await next).value), "gh");
  assert((await reader.read(new Uint8Array(8))).done);
});

Deno.test("StreamSink keeps the event loop alive only while a read is pending", async () => {
  const { sink, source } = streamSink();
  assertFalse(source.isHeld);
  push(sink, "one");
  const reader = sink.stream.getReader();
  const first = reader.read();
  await flushMicrotasks();
  await first;
  assertFalse(source.isHeld); // it was served immediately
  const second = reader.read();
  await flushMicrotasks();
  assert(source.isHeld);
  push(sink, "two");
  await second;
  assertFalse(source.isHeld);
  const third = reader.read();
  await flushMicrotasks();
  assert(source.isHeld);
  await reader.cancel();
  await third;
  assertFalse(source.isHeld);
});

Deno.test("StreamSink is full with 16 MiB, and reports once that it has room", async () => {
  const { sink, events } = streamSink();
  const block = new Uint8Array(64 * 1024);
  let pushed = 0;
  for (; !sink.isFull; pushed += block.length) sink.push(block);
  assertEquals(pushed, 16 * MEBIBYTE);
  assertEquals(events.room, 0);
  const reader = sink.stream.getReader();
  await reader.read();
  assertEquals(events.room, 1);
  assertFalse(sink.isFull);
  await reader.read();
  assertEquals(events.room, 1); // resuming the pipe costs more than a read
  await reader.cancel();
});

Deno.test("StreamSink forgets what it holds when the stream is canceled", async () => {
  const { sink, events } = streamSink();
  while (!sink.isFull) sink.push(new Uint8Array(MEBIBYTE));
  await sink.stream.cancel();
  assertFalse(sink.isFull);
  assertEquals(events.room, 1); // so that the child can go on
  assertEquals(events.closed, 1);
  sink.push(new Uint8Array(17 * MEBIBYTE));
  assertFalse(sink.isFull);
  sink.end();
});

Deno.test("StreamSink.stream.text() and its kin read the rest", async () => {
  const make = () => {
    const { sink } = streamSink();
    push(sink, "[1");
    push(sink, "]");
    sink.end();
    return sink.stream;
  };
  assertEquals(await make().text(), "[1]");
  assertEquals(await make().json(), [1]);
  assertEquals(await make().bytes(), encoder.encode("[1]"));
  assertEquals((await make().arrayBuffer()).byteLength, 3);
  const locked = make();
  locked.getReader();
  await assertRejects(() => locked.text(), TypeError);
});
