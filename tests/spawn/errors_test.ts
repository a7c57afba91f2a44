// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals } from "@std/assert";
import {
  invalid,
  kindOf,
  shownWithoutSecrets,
} from "../../src/spawn/errors.ts";

Deno.test("shownWithoutSecrets() shows a primitive value, printable and cut", () => {
  const cases: [value: unknown, text: string][] = [
    ["text", '"text"'],
    ["\x1b[31m\u202e", '"\\x1b[31m\\u{202e}"'],
    [`it's "quoted"`, '`it\'s "quoted"`'],
    [-0.5, "-0.5"],
    [10n, "10n"],
    [undefined, "undefined"],
    [null, "null"],
    [Symbol("a"), "Symbol(a)"],
    ["x".repeat(1_000), `"${"x".repeat(199)}...`],
  ];
  for (const [value, text] of cases) {
    assertEquals(shownWithoutSecrets(value), text);
  }
});

Deno.test("shownWithoutSecrets() removes the user from a URL in a text", () => {
  assertEquals(
    shownWithoutSecrets("https://user:token@host/@x"),
    '"https://host/@x"',
  );
  assertEquals(
    shownWithoutSecrets("see https:user@host, please"),
    '"see https:host, please"',
  );
  assertEquals(
    shownWithoutSecrets(new URL("https://user:token@host")),
    '"https://host/"',
  );
  assertEquals(shownWithoutSecrets("user@host"), '"user@host"');
  assertEquals(shownWithoutSecrets("a".repeat(1e6)).length, 203); // in linear time
});

Deno.test("shownWithoutSecrets() and kindOf() call no code of an object, and show no contents", () => {
  class Hostile {
    secret = 1;
    [Symbol.for("Deno.customInspect")](): string {
      throw new Error("inspected");
    }
    get [Symbol.toStringTag](): string {
      throw new Error("named");
    }
    toJSON(): never {
      throw new Error("serialized");
    }
  }
  for (const format of [shownWithoutSecrets, kindOf]) {
    assertEquals(format(new Hostile()), "an object");
    assertEquals(format({ secret: 1 }), "an object");
    assertEquals(format(Object.create(null)), "an object");
    assertEquals(format(["secret"]), "an array");
    assertEquals(format(() => "secret"), "a function");
    assertEquals(format(new Map([["secret", 1]])), "an instance of Map");
  }
});

Deno.test("kindOf() names the type of a value that may be secret", () => {
  assertEquals(kindOf("secret"), "a value of type string");
  assertEquals(kindOf(1234), "a value of type number");
  assertEquals(kindOf(undefined), "undefined");
  assertEquals(kindOf(null), "null");
});

Deno.test("invalid() names what is wrong, the value, and what to do", () => {
  assertEquals(
    invalid("'uid' must be an integer", 1.5, "round it").message,
    "Cannot spawn a child: 'uid' must be an integer, received 1.5; round it",
  );
});
