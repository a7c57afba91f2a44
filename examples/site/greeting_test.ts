// Copyright 2026 the @ipc/barrier authors. MIT license.

import { greeting } from "./greeting.ts";

Deno.test("greeting() names whom it greets", () => {
  if (greeting("you") !== "Hello, you") throw new Error(greeting("you"));
});
