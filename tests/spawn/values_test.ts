// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { filePath, isRecord, reader } from "../../src/spawn/values.ts";

Deno.test("reader() reads properties, and getters of an object's class", () => {
  class Options {
    readonly #secret = 1;
    plain = 2;
    get private(): number {
      return this.#secret;
    }
  }
  const option = reader(new (class extends Options {})());
  assertEquals([option("private"), option("plain"), option("none")], [
    1,
    2,
    undefined,
  ]);
  assertEquals(reader(Object.create({ a: 1 }))("a"), 1);
  assertEquals(reader(Object.create(null))("a"), undefined);
});

Deno.test("reader() does not read what every object has", () => {
  for (const name of ["toString", "constructor", "__proto__"]) {
    assertEquals(reader({})(name), undefined);
  }
  assertEquals(reader({ toString: 1 })("toString"), 1);
});

Deno.test("isRecord() is true for an object with named properties", () => {
  for (const value of [{}, Object.create(null), new Error()]) {
    assertEquals(isRecord(value), true);
  }
  for (const value of [null, undefined, 1, "a", () => {}, [], new Map()]) {
    assertEquals(isRecord(value), false);
  }
});

Deno.test("filePath() returns the path of a file URL", () => {
  const url = new URL("a%20b", import.meta.url);
  const path = filePath("'cwd'", url);
  assertEquals(path.slice(-3), "a b");
  for (
    const [url, message] of [
      ["http://host/a", "'cwd' must be a file URL, received \"http:\""],
      [
        "file:///a%2Fb",
        "'cwd' must be a file URL without a host or an encoded slash",
      ],
    ] as const
  ) {
    assertThrows(() => filePath("'cwd'", new URL(url)), TypeError, message);
  }
});
