// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { childEnvironment } from "../../src/spawn/environment.ts";
import { windows } from "../_helpers/windows.ts";

/** Calls a function while variables are set. */
function withVariables<T>(variables: Record<string, string>, call: () => T): T {
  const before = Deno.env.toObject();
  for (const [name, value] of Object.entries(variables)) {
    Deno.env.set(name, value);
  }
  try {
    return call();
  } finally {
    for (const name of Object.keys(variables)) {
      const value = before[name];
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

Deno.test("childEnvironment() adds variables to this process's", () => {
  const outer = { BARRIER_TEST_A: "outer", BARRIER_TEST_B: "outer" };
  withVariables(outer, () => {
    const env = childEnvironment({ BARRIER_TEST_B: "inner" }, false, "fd:3");
    assertEquals(env.BARRIER_TEST_A, "outer");
    assertEquals(env.BARRIER_TEST_B, "inner");
    assertEquals(env.BARRIER_CHANNEL, "fd:3");
  });
});

Deno.test("childEnvironment() has the given variables alone if it is cleared", () => {
  assertEquals(
    childEnvironment({ A: "b" }, true, "stdio"),
    { A: "b", BARRIER_CHANNEL: "stdio" },
  );
  assertEquals(childEnvironment(undefined, true, "stdio"), {
    BARRIER_CHANNEL: "stdio",
  });
});

Deno.test("childEnvironment() passes neither this process's channel nor its counter on", () => {
  withVariables({ BARRIER_CHANNEL: "fd:7", BARRIER_STATE: "5" }, () => {
    const env = childEnvironment(undefined, false, "fd:3");
    assertEquals(env.BARRIER_CHANNEL, "fd:3");
    assertEquals(env.BARRIER_STATE, undefined);
  });
  const env = { BARRIER_CHANNEL: "fd:7", BARRIER_STATE: "5" };
  assertEquals(childEnvironment(env, true, "fd:3"), {
    BARRIER_CHANNEL: "fd:3",
    BARRIER_STATE: "5",
  });
});

Deno.test("childEnvironment() takes an object without a prototype", () => {
  const env = Object.assign(Object.create(null), { A: "b" });
  assertEquals(childEnvironment(env, true, "fd:3").A, "b");
});

Deno.test("childEnvironment() ignores what stands on Object.prototype", () => {
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  prototype.POLLUTED = "yes";
  try {
    const env = childEnvironment({}, true, "fd:3");
    assertEquals(Object.keys(env), ["BARRIER_CHANNEL"]);
  } finally {
    delete prototype.POLLUTED;
  }
});

Deno.test("childEnvironment() takes names that differ in case for one on Windows", () => {
  const env = { path: "new", PATH: "newest" };
  withVariables({ BARRIER_TEST: "outer" }, () => {
    windows(true, () => {
      const variables = childEnvironment({ barrier_test: "inner" }, false, "x");
      assertEquals(variables.BARRIER_TEST, undefined);
      assertEquals(variables.barrier_test, "inner");
      assertEquals(childEnvironment(env, true, "x").path, undefined);
    });
  });
  windows(false, () => {
    assertEquals(childEnvironment(env, true, "x").path, "new");
  });
});

Deno.test("childEnvironment() throws for variables that are not valid, and shows no value", () => {
  const what = `'env' must be an object such as { NAME: "value" }, received`;
  const names =
    "the names in 'env' must not be empty, nor contain '=' or null characters, received";
  const cases: [env: unknown, message: string][] = [
    ["TOKEN=secret", `${what} a value of type string`],
    [null, `${what} null`],
    [["TOKEN=secret"], `${what} an array`],
    [new Map([["TOKEN", "secret"]]), `${what} an instance of Map`],
    [{ "TOKEN=secret": "" }, `${names} one with '='`],
    [{ "": "secret" }, `${names} ""`],
    [{ "A\0": "secret" }, String.raw`${names} "A\x00"`],
    [
      { TOKEN: 1 },
      `the variable "TOKEN" in 'env' must be a string, received a value of type number`,
    ],
    [
      { "A\x1b[31m": undefined },
      String
        .raw`the variable "A\u{1b}[31m" in 'env' must be a string, received undefined`,
    ],
    [
      { TOKEN: "secret\0" },
      `the variable "TOKEN" in 'env' must be without null characters, received one at index 6`,
    ],
  ];
  for (const [env, message] of cases) {
    const error = assertThrows(
      () => childEnvironment(env, true, "fd:3"),
      TypeError,
    );
    assertEquals(error.message, `Cannot spawn a child: ${message}`);
  }
});
