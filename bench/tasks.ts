// Copyright 2026 the @ipc/barrier authors. MIT license.

import { Completion } from "@ipc/barrier/completion";
import { versusHere } from "./harness.ts";
import type { Benchmark, Row, Size, Table } from "./table.ts";

const ROUNDS = 20_000;
const WAITERS = 1_000;

/** What others have for this. */
interface Semaphore {
  acquire(): Promise<unknown>;
  release(): void;
}

/** Completions between tasks of one event loop. */
export function tasks(): Benchmark[] {
  return [{ title: "Completions between tasks", short: true, measure }];
}

async function measure(size: Size): Promise<Omit<Table, "title">> {
  const sweeps = size === "whole" ? 100 : 30;
  const row = (name: string, ours: typeof promises, peer: typeof promises) =>
    versusHere(name, { ours, peer, rounds: ROUNDS, sweeps });
  const rows: Row[] = [
    await row(
      "complete() before wait(), Promise.withResolvers()",
      completeFirst,
      promises,
    ),
    await row(
      "wait() before complete(), Promise.withResolvers()",
      waitFirst,
      promises,
    ),
  ];
  for (
    const [peer, emptySemaphore] of [
      ["async-mutex", asyncMutex],
      ["@std/async", stdAsync],
    ] as const
  ) {
    const uncontended = `uncontended, Semaphore of ${peer}`;
    const contended = `${WAITERS} waiters, Semaphore of ${peer}`;
    const semaphore = await emptySemaphore().catch(() => undefined);
    if (semaphore === undefined) {
      const figures = { ratio: `${peer} is not in reach` };
      rows.push({ name: uncontended, figures }, { name: contended, figures });
      continue;
    }
    rows.push(
      await row(uncontended, completeFirst, () => releaseFirst(semaphore)),
      await row(contended, manyWaits, () => manyAcquires(semaphore)),
    );
  }
  return {
    about: "A round is a `complete()` and a `wait()` of a `Completion`, and " +
      "what does the same elsewhere.",
    columns: ["ratio", "ours", "theirs"],
    rows,
  };
}

async function asyncMutex(): Promise<Semaphore> {
  const { Semaphore } = await import("npm:async-mutex@0.5.0");
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
