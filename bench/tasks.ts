// Copyright 2026 the @ipc/barrier authors. MIT license.

import { Completion } from "@ipc/barrier/completion";
import { compare, ratio, type Row } from "./old_compare.ts";

const ROUNDS = 20_000;
const WAITERS = 1_000;
const RUNS = { runs: 51 };

/** What others have for this. */
interface Semaphore {
  acquire(): Promise<unknown>;
  release(): void;
}

/** Completions between tasks of one event loop. */
export async function* tasks(): AsyncGenerator<Row> {
  yield ratio(
    "Completion, complete() before wait() / Promise.withResolvers()",
    2,
    await compare(completeFirst, promises, RUNS),
  );
  yield ratio(
    "Completion, wait() before complete() / Promise.withResolvers()",
    2,
    await compare(waitFirst, promises, RUNS),
  );
  for (
    const [peer, emptySemaphore] of [
      ["async-mutex", asyncMutex],
      ["@std/async", stdAsync],
    ] as const
  ) {
    const uncontended = `Completion, uncontended / Semaphore of ${peer}`;
    const contended = `Completion, ${WAITERS} waiters / Semaphore of ${peer}`;
    let semaphore: Semaphore;
    try {
      semaphore = await emptySemaphore();
    } catch {
      const result = "skipped: not in reach";
      yield { what: uncontended, result, limit: "1.00" };
      yield { what: contended, result, limit: "1.00" };
      continue;
    }
    yield ratio(
      uncontended,
      1,
      await compare(completeFirst, () => releaseFirst(semaphore), RUNS),
    );
    yield ratio(
      contended,
      1,
      await compare(manyWaits, () => manyAcquires(semaphore), RUNS),
    );
  }
}

async function asyncMutex(): Promise<Semaphore> {
  const { Semaphore } = await import("npm:async-mutex@^0.5");
  return new Semaphore(0);
}

async function stdAsync(): Promise<Semaphore> {
  // Not a literal, as it need not be there to check this file's types.
  const specifier: string = "@std/async/unstable-semaphore";
  const { Semaphore } = await import(specifier);
  const semaphore = new Semaphore(1);
  await semaphore.acquire();
  return semaphore;
}

async function promises(): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < ROUNDS; i++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    resolve();
    await promise;
  }
  return performance.now() - start;
}

async function completeFirst(): Promise<number> {
  const completion = new Completion();
  const start = performance.now();
  for (let i = 0; i < ROUNDS; i++) {
    completion.complete();
    await completion.wait();
  }
  return performance.now() - start;
}

async function waitFirst(): Promise<number> {
  const completion = new Completion();
  const start = performance.now();
  for (let i = 0; i < ROUNDS; i++) {
    const waiting = completion.wait();
    completion.complete();
    await waiting;
  }
  return performance.now() - start;
}

async function releaseFirst(semaphore: Semaphore): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < ROUNDS; i++) {
    semaphore.release();
    await semaphore.acquire();
  }
  return performance.now() - start;
}

async function manyWaits(): Promise<number> {
  const completion = new Completion();
  const start = performance.now();
  for (let i = 0; i < ROUNDS; i += WAITERS) {
    const waiting = Array.from({ length: WAITERS }, () => completion.wait());
    for (let j = 0; j < WAITERS; j++) completion.complete();
    await Promise.all(waiting);
  }
  return performance.now() - start;
}

async function manyAcquires(semaphore: Semaphore): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < ROUNDS; i += WAITERS) {
    const waiting = Array.from({ length: WAITERS }, () => semaphore.acquire());
    for (let j = 0; j < WAITERS; j++) semaphore.release();
    await Promise.all(waiting);
  }
  return performance.now() - start;
}
