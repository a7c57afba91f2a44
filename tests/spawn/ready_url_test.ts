// Copyright 2026 the @ipc/barrier authors. MIT license.

import {
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { AnswerError, FinalProbeError } from "../../src/spawn/probe.ts";
import {
  assertFree,
  assertReachable,
  parseReadyUrl,
  pauseMax,
  tryUrl,
} from "../../src/spawn/ready_url.ts";
import { freePort } from "../_helpers/free_port.ts";
import { isInstalled } from "../_helpers/programs.ts";
import { type Output, run } from "../_helpers/run.ts";
import { dataUrl, json, testdataCommand } from "../_helpers/scripts.ts";
import { TempDir } from "../_helpers/temp_dir.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

/** A signal for a try that ends by itself. */
const { signal: NEVER } = new AbortController();

/** Tries a URL once. */
function tryOnce(url: string, signal: AbortSignal = NEVER): Promise<string> {
  return alive(tryUrl(parseReadyUrl(url))(signal));
}

/** Waits for a try, whose connection does not keep the event loop alive. */
async function alive<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, 1_000);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}

/** Whether this machine has the loopback address of IPv6. */
const hasIpv6 = (() => {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    console.log("Ignoring tests: there is no IPv6");
    return false;
  }
})();

/** Runs a program that has this module's exports as `url`. */
function runWithModule(
  flags: readonly string[],
  body: string,
  { env = {}, before = "" }: { env?: Record<string, string>; before?: string } =
    {},
): Promise<Output> {
  const module = json(import.meta.resolve("../../src/spawn/ready_url.ts"));
  const source = `${before}; const url = await import(${module}); ${body}`;
  return run(
    [Deno.execPath(), "run", "--no-prompt", ...flags, dataUrl(source)],
    {
      env: { NO_COLOR: "1", ...env },
      signal: AbortSignal.timeout(30_000), // one that hangs has failed
    },
  );
}

for (
  const [text, expected] of [
    ["tcp://localhost:5432", { hostname: "localhost", port: 5432 }],
    ["tcp://LOCALHOST:80/", { hostname: "localhost", port: 80 }],
    ["tcp://[::1]:6379", { hostname: "::1", port: 6379 }],
    ["tcp://127.1:6379", { hostname: "127.0.0.1", port: 6379 }],
    ["unix:///run/a%20b.sock", { path: "/run/a b.sock" }],
    ["unix:/run/a.sock", { path: "/run/a.sock" }],
    ["http://localhost", {
      hostname: "localhost",
      port: 80,
      target: "/",
      host: "localhost",
    }],
    ["HTTP://[::1]:8000/a?b=c#d", {
      hostname: "::1",
      port: 8000,
      target: "/a?b=c",
      host: "[::1]:8000",
    }],
    ["https://example.com/", {
      hostname: "example.com",
      port: 443,
      target: "/",
      host: "example.com",
    }],
  ] as const
) {
  Deno.test(`parseReadyUrl() reads ${text}`, () => {
    const kind = text.slice(0, text.indexOf(":")).toLowerCase();
    const parsed = parseReadyUrl(text);
    assertEquals({ ...parsed }, { kind, address: text, ...expected } as never);
    const { href } = new URL(text);
    const ofUrl = parseReadyUrl(new URL(text));
    assertEquals({ ...ofUrl }, { ...parsed, address: href });
  });
}

Deno.test("parseReadyUrl() writes an address with spaces as the URL has it", () => {
  assertEquals(
    parseReadyUrl(" http://localhost/a b\n").address,
    "http://localhost/a%20b",
  );
});

for (
  const value of [
    "",
    "localhost:8000",
    "8000",
    "ftp://localhost/",
    "file:///run/a.sock",
    "ws://localhost:8000",
    "http://",
    "tcp:5432",
    "tcp:///",
    "tcp://localhost",
    "tcp://localhost:0",
    "tcp://localhost:65536",
    "tcp://localhost:-1",
    "tcp://a b:80",
    "tcp://localhost:80/path",
    "tcp://localhost:80?query",
    "tcp://localhost:80#fragment",
    "http://localhost:0/",
    "http://user@localhost/",
    "unix:",
    "unix:///",
    "unix:run.sock",
    "unix://run/a.sock",
    "unix:///%ff",
    "unix:///a%00b",
    "unix:///a?query",
    "unix:///a#fragment",
    undefined,
    null,
    8000,
    ["http://localhost/"],
    {},
  ]
) {
  Deno.test(`parseReadyUrl() throws a TypeError for ${Deno.inspect(value)}`, () => {
    const error = assertThrows(() => parseReadyUrl(value), TypeError);
    assertMatch(
      error.message,
      /^Cannot spawn a child: 'readyUrl' must .+, received /,
    );
  });
}

Deno.test("parseReadyUrl() refuses a path that the system would refuse", () => {
  const most = Deno.build.os === "linux" ? 107 : 103;
  for (const letter of ["a", "\u00e9"]) {
    const size = new TextEncoder().encode(letter).length;
    const path = `/${letter.repeat((most - 1) / size)}`;
    parseReadyUrl(`unix://${path}`);
    assertThrows(() => parseReadyUrl(`unix://${path}${letter}`), TypeError);
  }
});

Deno.test("parseReadyUrl() does not repeat a password", () => {
  for (const user of ["me:secret", ":secret"]) {
    const error = assertThrows(
      () => parseReadyUrl(`http://${user}@localhost/`),
      TypeError,
    );
    assertEquals(error.message.includes("secret"), false);
  }
});

Deno.test("pauseMax() leaves a server over HTTP more time between tries", () => {
  const pauses = ["tcp://a:1", "unix:///a", "http://a", "https://a"]
    .map((url) => pauseMax(parseReadyUrl(url)));
  assertEquals(pauses, [100, 100, 1_000, 1_000]);
});

Deno.test("tryUrl() resolves to a TCP address where a server listens", async () => {
  using listener = Deno.listen(LOOPBACK);
  const url = `tcp://127.0.0.1:${listener.addr.port}`;
  assertEquals(await tryOnce(url), url);
});

Deno.test("tryUrl() rejects where nobody listens", async () => {
  await assertRejects(
    () => tryOnce(`tcp://127.0.0.1:${freePort()}`),
    Deno.errors.ConnectionRefused,
  );
});

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test({
    name: `tryUrl() finds a server of localhost that listens on ${hostname}`,
    ignore: hostname === "::1" && !hasIpv6,
    async fn() {
      await using server = Deno.serve(
        { hostname, port: 0, onListen() {} },
        () => new Response(),
      );
      const url = `http://localhost:${server.addr.port}/`;
      assertEquals(await tryOnce(url), url);
    },
  });
}

Deno.test({
  name:
    "tryUrl() says what one address of localhost answered, not that the other refused",
  ignore: !hasIpv6,
  async fn() {
    await using server = Deno.serve(
      { ...LOOPBACK, onListen() {} },
      () => new Response(null, { status: 500 }),
    );
    const error = await assertRejects(
      () => tryOnce(`http://localhost:${server.addr.port}/`),
      AnswerError,
    );
    assertEquals(error.answer, "500");
  },
});

Deno.test({
  name:
    "tryUrl() resolves to the address of a Unix socket where a server listens",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using directory = await TempDir.make();
    const path = `${directory.path}/a b.sock`;
    const url = `unix://${encodeURI(path)}`;
    await assertRejects(
      () => tryOnce(url),
      Error,
      `connect to ${path}: No such`,
    );
    using _listener = Deno.listen({ transport: "unix", path });
    assertEquals(await tryOnce(url), url);
  },
});

Deno.test("tryUrl() sends a GET that asks for HTML", async () => {
  const requests: string[] = [];
  await using server = Deno.serve(
    { ...LOOPBACK, onListen() {} },
    ({ method, url, headers }) => {
      requests.push(`${method} ${url} ${headers.get("accept")}`);
      return new Response("hello");
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}/a?b=c`;
  assertEquals(await tryOnce(url), url);
  assertEquals(requests, [`GET ${url} text/html, */*`]);
});

for (const status of [200, 204, 302, 399, 400, 404, 500, 503]) {
  Deno.test(`tryUrl() ${status < 400 ? "accepts" : "rejects"} the status ${status}, and follows no redirect`, async () => {
    let requests = 0;
    await using server = Deno.serve({ ...LOOPBACK, onListen() {} }, () => {
      requests++;
      return new Response(null, { status, headers: { location: "/other" } });
    });
    const url = `http://127.0.0.1:${server.addr.port}/`;
    if (status < 400) {
      assertEquals(await tryOnce(url), url);
    } else {
      const error = await assertRejects(() => tryOnce(url), AnswerError);
      assertEquals(error.answer, String(status));
    }
    assertEquals(requests, 1);
  });
}

/** Listens, and answers one connection with some bytes. */
async function answerOnce(
  answer: string,
  use: (port: number) => Promise<void>,
): Promise<void> {
  using listener = Deno.listen(LOOPBACK);
  const served = (async () => {
    using conn = await listener.accept();
    await conn.read(new Uint8Array(4096));
    for (const byte of new TextEncoder().encode(answer)) {
      await conn.write(Uint8Array.of(byte));
    }
    await conn.closeWrite();
    await conn.read(new Uint8Array(1));
  })();
  await use(listener.addr.port);
  await served;
}

Deno.test("tryUrl() reads the status after early hints, however it arrives", async () => {
  const answer = "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" +
    "HTTP/1.1 404 Not Found\r\n\r\n";
  await answerOnce(answer, async (port) => {
    const error = await assertRejects(
      () => tryOnce(`http://127.0.0.1:${port}/`),
      AnswerError,
    );
    assertEquals(error.answer, "404");
  });
});

for (
  const [what, answer, message] of [
    ["a server of another protocol", "220 mail ESMTP\r\n", "is not HTTP"],
    ["one that closes the connection", "", "without an answer"],
    ["one that stops in the middle", "HTTP/1.1 2", "is not HTTP"],
    ["a status below 200", "HTTP/1.1 099 No\r\n\r\n", "the answer was 99"],
  ] as const
) {
  Deno.test(`tryUrl() rejects ${what}`, async () => {
    await answerOnce(answer, async (port) => {
      await assertRejects(
        () => tryOnce(`http://127.0.0.1:${port}/`),
        Error,
        message,
      );
    });
  });
}

/** Tries a URL in a program of its own, whose timers do not fire. */
async function tryWithoutTimers(url: string, before: string): Promise<void> {
  const { code, stdout, stderr } = await runWithModule(
    ["--allow-net", "--allow-read"],
    `
    const { signal } = new AbortController();
    setInterval(() => {}, 1_000);
    console.log(await url.tryUrl(url.parseReadyUrl("${url}"))(signal));
    Deno.exit();
    `,
    { before },
  );
  assertEquals({ code, stdout, stderr }, {
    code: 0,
    stdout: `${url}\n`,
    stderr: "",
  });
}

Deno.test("tryUrl() reads the response before it closes the connection", async () => {
  using listener = Deno.listen(LOOPBACK);
  const tried = tryWithoutTimers(
    `http://127.0.0.1:${listener.addr.port}/`,
    "globalThis.setTimeout = () => 0",
  );
  using conn = await listener.accept();
  await conn.read(new Uint8Array(4096));
  const closed = conn.read(new Uint8Array(1));
  await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
  // The server takes its time. A client that does not read on closes meanwhile.
  const isClosed = closed.then(() => true);
  const pause = new Promise((resolve) => setTimeout(resolve, 200));
  assertEquals(await Promise.race([isClosed, pause]), undefined);
  await conn.closeWrite();
  assertEquals(await closed, null);
  await tried;
});

Deno.test("tryUrl() accepts a response without an end", async () => {
  await using server = Deno.serve({ ...LOOPBACK, onListen() {} }, () => {
    const forever = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(1)),
    });
    return new Response(forever);
  });
  await tryWithoutTimers(
    `http://127.0.0.1:${server.addr.port}/`,
    `
    const { setTimeout } = globalThis;
    globalThis.setTimeout = (run, ms) => ms > 1_000 ? 0 : setTimeout(run, ms);
    `,
  );
});

for (const [kind, during] of [["http", "request"], ["https", "handshake"]]) {
  Deno.test(`tryUrl() leaves nothing behind when the signal is aborted during a ${during}`, async () => {
    using listener = Deno.listen(LOOPBACK);
    const controller = new AbortController();
    const tried = tryOnce(
      `${kind}://127.0.0.1:${listener.addr.port}/`,
      controller.signal,
    );
    using conn = await listener.accept();
    await conn.read(new Uint8Array(4096));
    controller.abort(new Error("the child has exited"));
    await assertRejects(() => tried, Error, "the child has exited");
    if (kind === "https") return; // Deno ends that handshake later
    assertEquals(await conn.read(new Uint8Array(1)), null);
  });
}

Deno.test("tryUrl() gives a server that does not answer 2 seconds", async () => {
  using listener = Deno.listen(LOOPBACK);
  const url = `http://127.0.0.1:${listener.addr.port}`;
  const { code, stdout, stderr } = await run(
    testdataCommand("delays.ts", ["try", url], ["--no-prompt", "--allow-net"]),
    { signal: AbortSignal.timeout(30_000) }, // one that hangs has failed
  );
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertEquals(stdout, "no answer within 2000 ms 2000\n");
});

Deno.test("tryUrl() ignores the proxy that the environment names", async () => {
  await using server = Deno.serve(
    { ...LOOPBACK, onListen() {} },
    () => new Response(),
  );
  const proxy = `http://127.0.0.1:${freePort()}`;
  const { stdout, stderr } = await runWithModule(
    ["--allow-all"],
    `
    const parsed = url.parseReadyUrl("http://127.0.0.1:${server.addr.port}");
    console.log(await url.tryUrl(parsed)(new AbortController().signal));
    `,
    {
      env: {
        HTTP_PROXY: proxy,
        http_proxy: proxy,
        ALL_PROXY: proxy,
        NO_PROXY: "",
      },
    },
  );
  assertEquals(stderr, "");
  assertEquals(stdout, `http://127.0.0.1:${server.addr.port}\n`);
});

Deno.test("tryUrl() reaches localhost with access to that name alone", async () => {
  await using server = Deno.serve(
    { ...LOOPBACK, onListen() {} },
    () => new Response(),
  );
  const host = `localhost:${server.addr.port}`;
  const { stdout, stderr } = await runWithModule(
    [`--allow-net=${host}`, "--allow-read"],
    `
    const parsed = url.parseReadyUrl("http://${host}/");
    url.assertReachable(parsed);
    console.log(await url.tryUrl(parsed)(new AbortController().signal));
    `,
  );
  assertEquals(stderr, "");
  assertEquals(stdout, `http://${host}/\n`);
});

for (
  const [address, needed] of [
    ["tcp://localhost:5432", 'net access to "localhost:5432"'],
    ["http://[::1]/", 'net access to "[::1]:80"'],
    // Deno 2.8 needs no access to the network for it.
    [
      "unix:///run/a.sock",
      Deno.version.deno.startsWith("2.8.")
        ? 'write access to "unix:///run/a.sock"'
        : 'net access to "unix:/run/a.sock"',
    ],
  ] as const
) {
  Deno.test(`assertReachable() throws without access to ${address}`, async () => {
    const { code, stderr } = await runWithModule(
      ["--allow-read", "--allow-net=localhost:1"],
      `url.assertReachable(url.parseReadyUrl("${address}"))`,
    );
    assertEquals(code, 1);
    assertStringIncludes(
      stderr,
      `NotCapable: Cannot spawn a child: 'readyUrl' requires ${needed}; run again with the --allow-${
        needed.split(" ")[0]
      } flag`,
    );
  });
}

Deno.test("assertReachable() accepts what may be reached", () => {
  for (const url of ["tcp://localhost:1", "unix:///run/a.sock"]) {
    assertReachable(parseReadyUrl(url));
  }
});

for (const hostname of ["127.0.0.1", "::1", "0.0.0.0", "::"]) {
  for (const host of ["localhost", hostname]) {
    const url = host.includes(":") ? `[${host}]` : host;
    Deno.test({
      name:
        `assertFree() throws for ${url} where another program listens on ${hostname}`,
      ignore: hostname.includes(":") && !hasIpv6,
      fn() {
        using listener = Deno.listen({ hostname, port: 0 });
        const { port } = listener.addr;
        const error = assertThrows(
          () => assertFree(parseReadyUrl(`tcp://${url}:${port}`)),
          Deno.errors.AddrInUse,
        );
        assertStringIncludes(error.message, `:${port}`);
      },
    });
  }
}

Deno.test("assertFree() leaves a free address free", () => {
  const port = freePort();
  assertFree(parseReadyUrl(`http://localhost:${port}`));
  Deno.listen({ ...LOOPBACK, port }).close();
});

Deno.test({
  name: "assertFree() does not mind a program on another address",
  ignore: Deno.build.os !== "linux",
  fn() {
    using listener = Deno.listen({ hostname: "127.0.0.2", port: 0 });
    assertFree(parseReadyUrl(`tcp://127.0.0.1:${listener.addr.port}`));
  },
});

for (
  const url of [
    "tcp://192.0.2.1:80",
    "tcp://example.invalid:80",
    "unix:///run/a",
  ]
) {
  Deno.test(`assertFree() does not check ${url}`, () => {
    assertFree(parseReadyUrl(url));
  });
}

/** Makes a certificate of an authority of its own, both as files. */
async function makeCertificate(path: string): Promise<void> {
  const script = `
    cd "$1"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.crt
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key -out csr
    printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' >ext
    openssl x509 -req -in csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out crt`;
  const { code, stderr } = await run(["sh", "-ec", script, "sh", path]);
  if (code !== 0) throw new Error(stderr);
}

Deno.test({
  name:
    "tryUrl() rejects finally where a certificate does not verify, and accepts one that does",
  ignore: !isInstalled("openssl"),
  async fn() {
    await using directory = await TempDir.make();
    const { path } = directory;
    await makeCertificate(path);
    await using server = Deno.serve({
      ...LOOPBACK,
      onListen() {},
      cert: await Deno.readTextFile(`${path}/crt`),
      key: await Deno.readTextFile(`${path}/key`),
    }, () => new Response());
    const url = `https://localhost:${server.addr.port}/`;
    const error = await assertRejects(() => tryOnce(url), FinalProbeError);
    assertMatch(
      error.message,
      /^Cannot probe https:\/\/localhost:\d+\/: its certificate does not verify \(UnknownIssuer\); /,
    );
    assertInstanceOf(error.cause, Error);

    const { stdout, stderr } = await runWithModule(
      ["--allow-all", `--cert=${path}/ca.crt`],
      `console.log(await url.tryUrl(url.parseReadyUrl("${url}"))(new AbortController().signal));`,
    );
    assertEquals({ stdout, stderr }, { stdout: `${url}\n`, stderr: "" });
  },
});

Deno.test("tryUrl() tries again where a server does not speak TLS yet", async () => {
  await answerOnce("HTTP/1.1 400 Bad Request\r\n\r\n", async (port) => {
    const error = await assertRejects(() =>
      tryOnce(`https://127.0.0.1:${port}/`)
    );
    assertEquals(error instanceof FinalProbeError, false);
  });
});
