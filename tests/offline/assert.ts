// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * Stands in for `@std/assert` where JSR is out of reach: what the tests use of
 * it, on `node:assert`.
 *
 * @module
 */

import nodeAssert from "node:assert/strict";

// deno-lint-ignore no-explicit-any
type Class<T = any> = abstract new (...args: any[]) => T;
type Falsy = false | 0 | 0n | "" | null | undefined;

export function assert(
  expr: unknown,
  msg = "Expected a truthy value",
): asserts expr {
  nodeAssert.ok(expr, msg);
}

export function assertFalse(
  expr: unknown,
  msg = "Expected a falsy value",
): asserts expr is Falsy {
  nodeAssert.ok(!expr, msg);
}

export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, msg);
}

export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, msg);
}

export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  nodeAssert.strictEqual(actual, expected, msg);
}

export function assertExists<T>(
  actual: T,
  msg = `Expected a value, received ${actual}`,
): asserts actual is NonNullable<T> {
  nodeAssert.ok(actual !== undefined && actual !== null, msg);
}

export function assertInstanceOf<T extends Class>(
  actual: unknown,
  expectedType: T,
  msg = `${Deno.inspect(actual)} is no ${expectedType.name}`,
): asserts actual is InstanceType<T> {
  nodeAssert.ok(actual instanceof expectedType, msg);
}

export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  nodeAssert.match(actual, expected, msg);
}

export function assertStringIncludes(
  actual: string,
  expected: string,
  msg = `"${actual}" does not include "${expected}"`,
): void {
  nodeAssert.ok(actual.includes(expected), msg);
}

export function assertGreater<T>(
  actual: T,
  expected: T,
  msg = `${actual} is not greater than ${expected}`,
): void {
  nodeAssert.ok(actual > expected, msg);
}

export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg = `${actual} is less than ${expected}`,
): void {
  nodeAssert.ok(actual >= expected, msg);
}

export function assertLess<T>(
  actual: T,
  expected: T,
  msg = `${actual} is not less than ${expected}`,
): void {
  nodeAssert.ok(actual < expected, msg);
}

export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg = `${actual} is greater than ${expected}`,
): void {
  nodeAssert.ok(actual <= expected, msg);
}

export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  ...expected: ExpectedError
): unknown {
  let thrown: unknown;
  nodeAssert.throws(fn, (error: unknown) => {
    thrown = error;
    return isExpected(error, ...expected);
  });
  return thrown;
}

export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  ...expected: ExpectedError
): Promise<unknown> {
  let rejected: unknown;
  await nodeAssert.rejects(Promise.resolve(fn()), (error: unknown) => {
    rejected = error;
    return isExpected(error, ...expected);
  });
  return rejected;
}

export function fail(msg?: string): never {
  nodeAssert.fail(msg);
}

export function unreachable(msg = "Unreachable"): never {
  nodeAssert.fail(msg);
}

type ExpectedError = [
  classOrMsg?: Class<Error> | string,
  msgIncludes?: string,
  msg?: string,
];

function isExpected(
  error: unknown,
  ...[classOrMsg, msgIncludes = "", msg]: ExpectedError
): true {
  if (typeof classOrMsg === "function") {
    assertInstanceOf(error, classOrMsg, msg);
    assertStringIncludes(error.message, msgIncludes, msg);
  }
  return true;
}
