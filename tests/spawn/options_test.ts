// Copyright 2026 the @ipc/barrier authors. MIT license.

import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { shownWithoutSecrets } from "../../src/spawn/errors.ts";
import { resolve } from "../../src/spawn/options.ts";
import { spawnWithBarrier } from "../../mod.ts";
import { shell } from "../_helpers/scripts.ts";
import { CHANNELS } from "../_helpers/driver.ts";
import { openDescriptors } from "../_helpers/descriptors.ts";
import { windows } from "../_helpers/windows.ts";
import { test } from "../_helpers/unix.ts";

type ErrorClass = new (message: string) => Error;

/** Asserts that a call is refused, with exactly this message. */
function assertRefused(
  target: unknown,
  options: unknown,
  what: string,
  ErrorClass: ErrorClass = TypeError,
): void {
  const error = assertThrows(() => resolve(target, options), ErrorClass);
  assertEquals(error.message, `Cannot spawn a child: ${what}`);
}

// The target

Deno.test("resolve() throws for a target that is neither a module nor a command", () => {
  const expected = "the target must be a string, a URL or an array of strings";
  assertRefused(7, {}, `${expected}, received 7`);
  assertRefused(undefined, {}, `${expected}, received undefined`);
  assertRefused({ secret: 1 }, {}, `${expected}, received an object`);
  assertRefused("", {}, `the module must not be empty, received ""`);
  assertRefused(
    "a\0.ts",
    {},
    String
      .raw`the module must not contain null characters, received "a\x00.ts"`,
  );
});

Deno.test("resolve() throws for a command that is empty or not strings", () => {
  const expected = "the command must not be empty, received";
  assertRefused([], {}, `${expected} undefined`);
  assertRefused([""], {}, `${expected} ""`);
  const strings =
    "the command must be strings without null characters, received";
  assertRefused(["sh", 7], {}, `${strings} a value of type number at index 1`);
  assertRefused(["sh", "a\0b"], {}, `${strings} a null character at index 1`);
  // deno-lint-ignore no-sparse-arrays
  assertRefused(["sh", , "a"], {}, `${strings} undefined at index 1`);
});

Deno.test("resolve() throws for a command in one string, and shows its name only", () => {
  assertRefused(
    "redis-server --requirepass secret",
    {},
    `a command must be an array of strings, received a string with spaces; write ["redis-server", ...] with each argument as an item, or end the name of a module in .ts or .js`,
  );
  for (const module of ["a b.ts", "./a b.mjs", "https://example.com/a b"]) {
    assertEquals(resolve(module, {}).program.kind, "module");
  }
});

Deno.test("resolve() makes a path of every string that is not a URL", () => {
  const specifier = (module: string | URL) => {
    const { program } = resolve(module, {});
    assert(program.kind === "module");
    return program.specifier;
  };
  assertEquals(specifier("a.ts"), "./a.ts");
  assertEquals(specifier("-A"), "./-A");
  assertEquals(specifier("a:b.ts"), "./a:b.ts"); // a letter alone is a drive
  assertEquals(specifier("/a.ts"), "/a.ts");
  assertEquals(specifier("C:\\a.ts"), "C:\\a.ts");
  assertEquals(specifier("npm:a"), "npm:a");
  assertEquals(specifier(new URL("file:///a.ts")), "file:///a.ts");
});

Deno.test("resolve() throws for a module in a compiled program, and names the way out", () => {
  const { build } = Deno;
  const standalone = { ...build, standalone: true };
  Object.defineProperty(Deno, "build", { value: standalone });
  try {
    const error = assertThrows(() => resolve("child.ts", {}), TypeError);
    assertEquals(
      error.message,
      `Cannot spawn "child.ts": a compiled program cannot run modules; spawn ["deno", "run", ...] instead`,
    );
    assertEquals(resolve(["true"], {}).program.kind, "command");
  } finally {
    Object.defineProperty(Deno, "build", { value: build });
  }
});

Deno.test("resolve() names a child without what may be secret in a URL", () => {
  const cases: [target: string | URL | string[], name: string][] = [
    ["child.ts", "child.ts"],
    ["dir/child.ts", "child.ts"],
    [new URL("file:///dir/child.ts?token#x"), "child.ts"],
    [["/usr/bin/sleep", "9"], "sleep"],
    [["C:\\a\\b.exe"], "b.exe"],
    ["https://user:token@host/x.ts?key=1#2", "https://host/x.ts"],
    ["https:user:token@host/x.ts", "https://host/x.ts"],
    ["https:\\\\user:token@host/x.ts", "https://host/x.ts"],
    ["https://user:token@[", "https:..."],
    ["data:text/javascript,a?b#c", "data:text/javascript,a?b#c"],
    ["npm:@scope/package@1.2.3", "npm:@scope/package@1.2.3"],
    ["evil\x1b[31m.ts", "evil\\u{1b}[31m.ts"],
    [["x".repeat(50)], `${"x".repeat(40)}...`],
  ];
  for (const [target, name] of cases) {
    assertEquals(resolve(target, {}).name, name);
  }
});

// The options

Deno.test("resolve() throws for options that are not an object", () => {
  const expected = "the options must be an object, received";
  assertRefused(["sh"], null, `${expected} null`);
  assertRefused(["sh"], "secret", `${expected} a value of type string`);
  assertRefused(["sh"], () => {}, `${expected} a function`);
  assertRefused(
    ["sh"],
    ["secret"],
    `${expected} an array; pass arguments as { args: [...] }`,
  );
});

Deno.test("resolve() throws for an option that is not valid", () => {
  const outputs =
    `must be "forward", "piped", "inherit", "null", "errorTail" or a function that is called with each line`;
  const channels =
    `'channel' must be "fd", "fd:N" with a number from 3 to 1048575, or "stdio"`;
  const ids = "must be an integer from 0 to 2147483647";
  const cases: [options: unknown, what: string][] = [
    [
      { stdin: "pipe" },
      `'stdin' must be one of "inherit", "piped", "null", received "pipe"`,
    ],
    [{ stdout: 1 }, `'stdout' ${outputs}, received 1`],
    [{ stderr: "no" }, `'stderr' ${outputs}, received "no"`],
    [{ channel: "tcp" }, `${channels}, received "tcp"`],
    [{ channel: "fd:2" }, `${channels}, received "fd:2"`],
    [{ channel: "fd:" }, `${channels}, received "fd:"`],
    [{ channel: "fd:x" }, `${channels}, received "fd:x"`],
    [{ channel: "fd:-3" }, `${channels}, received "fd:-3"`],
    [{ channel: "fd:3.5" }, `${channels}, received "fd:3.5"`],
    [{ channel: "fd:1048576" }, `${channels}, received "fd:1048576"`],
    [{ channel: 3 }, `${channels}, received 3`],
    [{ channel: Symbol("a") }, `${channels}, received Symbol(a)`],
    [
      { channel: "stdio", stdin: "piped" },
      `'stdin' must be "null" or left out with the channel "stdio", which uses the child's stdin, received "piped"`,
    ],
    [
      { channel: "stdio", stdout: "inherit" },
      `'stdout' must not be "inherit" with the channel "stdio", which uses the child's stdout, received "inherit"`,
    ],
    [
      { readyLine: /x/, stdout: "inherit", stderr: "inherit" },
      `'readyLine' needs a 'stdout' or 'stderr' that is not "inherit", received "inherit"`,
    ],
    [
      { readyLine: "ready" },
      `'readyLine' must be a regular expression, received "ready"`,
    ],
    [{ readyWhen: "up" }, `'readyWhen' must be a function, received "up"`],
    [{ endWithParent: 1 }, "'endWithParent' must be a boolean, received 1"],
    ...["", "a\x1b", "\u202e", "x".repeat(41)].map((
      name,
    ): [unknown, string] => [
      { name },
      `'name' must be 1 to 40 printable characters, received ${
        shownWithoutSecrets(name)
      }`,
    ]),
    [{ clearEnv: 1 }, "'clearEnv' must be a boolean, received 1"],
    [
      { processGroup: "yes" },
      `'processGroup' must be a boolean, received "yes"`,
    ],
    [{ uid: 1.5 }, `'uid' ${ids}, received 1.5`],
    [{ uid: 2 ** 31 }, `'uid' ${ids}, received 2147483648`],
    [{ gid: -1 }, `'gid' ${ids}, received -1`],
    [{ cwd: 7 }, "'cwd' must be a string or a URL, received 7"],
    [
      { cwd: "a\0b" },
      String.raw`'cwd' must not contain null characters, received "a\x00b"`,
    ],
    [
      { cwd: new URL("https://user:token@host/?secret") },
      `'cwd' must be a file URL, received "https:"`,
    ],
    [
      { cwd: new URL("file:///a%2Fb") },
      `'cwd' must be a file URL without a host or an encoded slash, received "file:///a%2Fb"`,
    ],
    [{ signal: {} }, "'signal' must be an AbortSignal, received an object"],
    [
      { signal: new EventTarget() },
      "'signal' must be an AbortSignal, received an instance of EventTarget",
    ],
    [
      { signal: new AbortController() },
      "'signal' must be an AbortSignal, received an instance of AbortController",
    ],
    ...["SIGNONE", "toString", ""].map((name): [unknown, string] => [
      { stopSignal: name },
      `'stopSignal' must be the name of a signal, received "${name}"`,
    ]),
    [
      { stopSignal: 15 },
      "'stopSignal' must be the name of a signal, received 15",
    ],
    [
      { args: "--token=1" },
      "'args' must be an array of strings, received a value of type string",
    ],
    [
      { args: ["a\0b"] },
      "'args' must be strings without null characters, received a null character at index 0",
    ],
  ];
  for (const [options, what] of cases) assertRefused(["sh"], options, what);
});

Deno.test("resolve() throws for a time that is not a number of milliseconds", () => {
  for (const name of ["exitGracePeriod", "stopGracePeriod"]) {
    const what =
      `'${name}' must be a number of milliseconds from 0 to 2147483647, received`;
    for (const value of [-1, NaN, Infinity, 2 ** 31]) {
      assertRefused(["sh"], { [name]: value }, `${what} ${value}`, RangeError);
    }
    assertRefused(["sh"], { [name]: 1n }, `${what} 1n`);
    assertRefused(["sh"], { [name]: "10" }, `${what} "10"`);
    assertRefused(["sh"], { [name]: [1] }, `${what} an array`);
    assertRefused(
      ["sh"],
      { [name]: new Date() },
      `${what} an instance of Date`,
    );
  }
});

Deno.test("resolve() throws for options of a module that are given for a command", () => {
  for (const options of [{ permissions: "all" }, { denoArgs: [] }]) {
    const error = assertThrows(() => resolve(["sh"], options), TypeError);
    assertEquals(
      error.message,
      `Cannot spawn "sh": 'permissions' and 'denoArgs' are for a Deno module, received a command`,
    );
  }
  assertRefused(
    "a.ts",
    { denoArgs: "--watch" },
    "'denoArgs' must be an array of strings, received a value of type string",
  );
});

Deno.test("resolve() throws the reason of a signal that is already aborted", () => {
  const signal = AbortSignal.abort(new RangeError("too late"));
  const error = assertThrows(() => resolve(["sh"], { signal }));
  assertEquals(error, signal.reason);
});

Deno.test("spawnWithBarrier() starts nothing if an option is not valid", () => {
  const before = openDescriptors();
  assertThrows(() => spawnWithBarrier(["sh"], { stdin: "pipe" as "piped" }));
  assertEquals(openDescriptors(), before);
});

Deno.test("resolve() gives every option its default", () => {
  const { env: _, ...command } = windows(false, () => resolve(["sh"], {}));
  const common = {
    args: [],
    cwd: undefined,
    uid: undefined,
    gid: undefined,
    fd: 3,
    stdin: "inherit",
    stdout: "forward",
    stderr: "inherit",
    readyLine: undefined,
    probes: [],
    processGroup: false,
    endWithParent: false,
    signal: undefined,
    stopSignal: "SIGTERM",
    stopGracePeriod: 5_000,
  };
  for (const [name, value] of Object.entries(common)) {
    assertEquals(command[name as keyof typeof command], value, name);
  }
  assertEquals(command.exitGracePeriod, 0);
  assertEquals(command.name, "sh");
  assertEquals(resolve(["sh"], { channel: "fd:3" }).fd, 3);
  assertEquals(resolve(["sh"], { channel: "stdio" }).fd, undefined);
  assertEquals(resolve("a.ts", {}).exitGracePeriod, 1_000);
  assertEquals(resolve(["sh"], undefined).stopGracePeriod, 5_000);
  assertEquals(resolve(["sh"], { readyLine: /x/ }).stderr, "forward");
  assertEquals(
    resolve("a.ts", { permissions: undefined }).program,
    { kind: "module", specifier: "./a.ts", flags: ["--no-prompt"] },
  );
});

Deno.test("resolve() accepts the null device as stdin over every channel", () => {
  for (const channel of CHANNELS) {
    assertEquals(resolve(["sh"], { channel, stdin: "null" }).stdin, "null");
  }
});

Deno.test("resolve() refuses on Windows what that does not have", () => {
  windows(true, () => {
    for (const channel of ["fd", "fd:5"]) {
      assertRefused(
        ["sh"],
        { channel },
        `'channel' must be "stdio" on Windows, received "${channel}"`,
      );
    }
    for (const options of [{ uid: 1 }, { gid: 1 }, { processGroup: true }]) {
      const [name] = Object.keys(options);
      assertRefused(["sh"], options, `'${name}' is not supported on Windows`);
    }
    assertEquals(resolve(["sh"], {}).fd, undefined);
  });
});

// How they are read

/** Options that are valid, with all that there are. */
const ALL = {
  args: ["a"],
  channel: "stdio",
  clearEnv: true,
  cwd: "/",
  denoArgs: ["--quiet"],
  endWithParent: false,
  env: { A: "b" },
  exitGracePeriod: 1,
  gid: 1,
  name: "worker",
  permissions: { net: ["localhost"] },
  processGroup: true,
  readyLine: /x/,
  readyUrl: "unix:///no/such/socket",
  readyWhen: () => true,
  signal: new AbortController().signal,
  stderr: "null",
  stdin: "null",
  stdout: "null",
  stopGracePeriod: 2,
  stopSignal: "SIGINT",
  uid: 1,
};

test("resolve() ends a child with this process that cannot see its end", () => {
  const readyUrl = "unix:///no/such/socket";
  for (
    const options of [
      { readyLine: /x/ },
      { readyUrl },
      { readyWhen: () => true },
      { processGroup: true },
    ]
  ) {
    assert(resolve(["sh"], options).endWithParent);
    const others = { ...options, endWithParent: false };
    assertFalse(resolve(["sh"], others).endWithParent);
  }
});

test("resolve() reads each option once", () => {
  const reads = new Map<string, number>();
  const counted = <T extends object>(object: T, prefix: string): T =>
    new Proxy(object, {
      get(target, key, receiver) {
        const name = `${prefix}${String(key)}`;
        reads.set(name, (reads.get(name) ?? 0) + 1);
        return Reflect.get(target, key, receiver);
      },
    });
  resolve("a.ts", counted(ALL, ""));
  const names = Object.keys(ALL);
  for (const name of names) assertEquals(reads.get(name), 1, name);
  reads.clear();
  resolve(counted(["sh", "-c"], ""), {
    args: counted(["x"], "args "),
    env: counted({ A: "b" }, "env "),
  });
  for (const name of ["0", "1", "args 0", "env A"]) {
    assertEquals(reads.get(name), 1, name);
  }
});

test("resolve() reads options from a class, a prototype and getters", () => {
  const { env: _, probes: __, ...expected } = resolve("a.ts", ALL);
  const getters = Object.fromEntries(
    Object.entries(ALL).map(([name, value]) => [name, { get: () => value }]),
  );
  class Options {}
  Object.defineProperties(Options.prototype, getters);
  for (
    const options of [
      new Options(),
      Object.create(ALL),
      Object.create(null, getters),
      new (class extends Options {})(),
    ]
  ) {
    const { env, probes, ...plan } = resolve("a.ts", options);
    assertEquals(plan, expected);
    assertEquals(env.A, "b");
    assertEquals(probes.length, 2);
  }
});

test("resolve() ignores what stands on Object.prototype", () => {
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  const { env: _, ...expected } = resolve("a.ts", { env: {} });
  try {
    for (
      const [name, value] of Object.entries({ ...ALL, permissions: "all" })
    ) {
      prototype[name] = value;
    }
    class Options {}
    for (const options of [{}, undefined, new Options(), Object.create({})]) {
      const { env: _, ...plan } = resolve("a.ts", options);
      assertEquals(plan.program, expected.program);
      assertEquals(plan.args, []);
      assertEquals([plan.stdin, plan.fd, plan.uid], ["inherit", 3, undefined]);
    }
  } finally {
    for (const name of Object.keys(ALL)) delete prototype[name];
  }
});

for (const channel of CHANNELS) {
  test(`spawnWithBarrier() stops a group over "${channel}" that a getter asked for`, async () => {
    class Options {
      readonly channel = channel;
      get processGroup() {
        return true;
      }
    }
    const child = shell("sleep 1000 & wait", new Options());
    await child.stop();
    assertThrows(() => Deno.kill(-child.pid, "SIGTERM"), Deno.errors.NotFound);
  });
}
