// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * The option `readyUrl`: what it means, whether its address is free, and one try
 * to reach it.
 *
 * HTTP is spoken over a plain connection. `fetch()` would use a proxy that the
 * environment names, keep connections, and keep the event loop alive.
 */

import { clearTimeout, setTimeout, within } from "../runtime/timers.ts";
import { invalid } from "./errors.ts";
import { AnswerError, FinalProbeError } from "./probe.ts";

/** How long, in milliseconds, one try may take. */
const TRY_TIMEOUT = 2_000;

/** The longest pause, in milliseconds, between two requests over HTTP. */
const HTTP_PAUSE_MAX = 1_000;

/** The longest pause, in milliseconds, between two tries to connect. */
const CONNECT_PAUSE_MAX = 100;

/**
 * How long, in milliseconds, and how many bytes of a response are read after its
 * first line. Some servers log an error if a client does not read the response.
 */
const RESPONSE_GRACE = 100;
const RESPONSE_MAX = 1024 * 1024;

/** How many bytes may precede the status of a response. */
const HEAD_MAX = 64 * 1024;

const READ_BUFFER = 64 * 1024;

const LOOPBACKS = ["127.0.0.1", "::1"];
const WILDCARDS = ["0.0.0.0", "::"];

const EXPECTED =
  `'readyUrl' must be a URL such as "tcp://localhost:5432", "unix:///run/server.sock", "http://localhost:8000/" or "https://localhost:8443/"`;

/** Where a child is reached once it is ready. */
export type ReadyUrl = TcpUrl | UnixUrl | HttpUrl;

interface TcpUrl {
  readonly kind: "tcp";
  /** The URL as it was written, which is the note of the barrier. */
  readonly address: string;
  /** A name, or an address without brackets. */
  readonly hostname: string;
  readonly port: number;
}

interface UnixUrl {
  readonly kind: "unix";
  readonly address: string;
  readonly path: string;
}

interface HttpUrl {
  readonly kind: "http" | "https";
  readonly address: string;
  readonly hostname: string;
  readonly port: number;
  /** The path and the query. */
  readonly target: string;
  /** The value of the header Host. */
  readonly host: string;
}

/**
 * Reads the option.
 *
 * @throws {TypeError} If it is not a URL that can be probed.
 */
export function parseReadyUrl(value: unknown): ReadyUrl {
  const isUrl = typeof value === "string" || value instanceof URL;
  const url = isUrl ? URL.parse(value) : null;
  if (url === null) throw invalid(EXPECTED, value);
  if (url.username !== "" || url.password !== "") {
    throw invalid(
      "'readyUrl' must not contain a user name or a password",
      `${url.protocol}//...@${url.host}`,
    );
  }
  const address = typeof value === "string" && /^[!-~]+$/.test(value)
    ? value
    : url.href;
  switch (url.protocol) {
    case "unix:":
      return { kind: "unix", address, path: socketPath(url, value) };
    case "tcp:": {
      if (!/^\/?$/.test(url.pathname) || hasMore(url)) {
        throw invalid("'readyUrl' must end after the port of tcp:", value);
      }
      if (url.port === "") throw invalid("'readyUrl' must have a port", value);
      return { kind: "tcp", address, ...hostAndPort(url, value) };
    }
    case "http:":
    case "https:":
      return {
        kind: url.protocol === "http:" ? "http" : "https",
        address,
        ...hostAndPort(url, value),
        target: url.pathname + url.search,
        host: url.host,
      };
    default:
      throw invalid(EXPECTED, value);
  }
}

/** Whether a URL has a query or a fragment. */
function hasMore({ search, hash }: URL): boolean {
  return search !== "" || hash !== "";
}

function socketPath(url: URL, value: unknown): string {
  if (url.host !== "" || !/^\/./.test(url.pathname)) {
    throw invalid(
      `'readyUrl' must name the absolute path of a socket, such as "unix:///run/server.sock"`,
      value,
    );
  }
  if (hasMore(url)) {
    throw invalid(
      "'readyUrl' must end after the path of unix:",
      value,
      "write ? as %3F and # as %23",
    );
  }
  let path: string;
  try {
    path = decodeURIComponent(url.pathname);
  } catch {
    throw invalid("'readyUrl' must be encoded as UTF-8", value);
  }
  if (path.includes("\0")) {
    throw invalid("'readyUrl' must not contain null characters", value);
  }
  // What the system accepts.
  const most = Deno.build.os === "linux" ? 107 : 103;
  if (new TextEncoder().encode(path).length > most) {
    throw invalid(
      `'readyUrl' must name a path of at most ${most} bytes`,
      value,
    );
  }
  return path;
}

function hostAndPort(
  url: URL,
  value: unknown,
): { hostname: string; port: number } {
  // The parser leaves the host of a tcp: URL as it is written.
  const host = URL.parse(`http://${url.hostname}/`)?.hostname ?? "";
  if (host === "") throw invalid(EXPECTED, value);
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  if (port === 0) {
    throw invalid("'readyUrl' must have a port from 1 to 65535", value);
  }
  return { hostname: host.replace(/^\[(.*)\]$/, "$1"), port };
}

/**
 * Checks that this process may reach an address, and asks the user if Deno would.
 *
 * @throws {Deno.errors.NotCapable} If it may not.
 */
export function assertReachable(url: ReadyUrl): void {
  const needed: Deno.PermissionDescriptor[] = url.kind === "unix"
    ? [
      { name: "net", host: `unix:${url.path}` },
      { name: "read", path: url.path },
      { name: "write", path: url.path },
    ]
    : [{ name: "net", host: hostWithPort(url) }];
  for (const descriptor of needed) {
    if (isGranted(descriptor)) continue;
    if (Deno.permissions.requestSync(descriptor).state === "granted") continue;
    const what = descriptor.name === "net" ? descriptor.host : url.address;
    throw new Deno.errors.NotCapable(
      `Cannot spawn a child: 'readyUrl' requires ${descriptor.name} access to "${what}"; run again with the --allow-${descriptor.name} flag`,
    );
  }
}

function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  try {
    return Deno.permissions.querySync(descriptor).state === "granted";
  } catch {
    // A release that does not know "unix:" needs no permission for it.
    return descriptor.name === "net" && !!descriptor.host?.startsWith("unix:");
  }
}

function hostWithPort({ hostname, port }: TcpUrl | HttpUrl): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/**
 * Checks that no other program listens on an address, as far as listening there
 * for a moment can show. The address of another machine, a name other than `localhost`
 * and the path of a socket are not checked.
 *
 * @throws {Deno.errors.AddrInUse} If the address is in use.
 */
export function assertFree(url: ReadyUrl): void {
  if (url.kind === "unix") return;
  for (const hostname of listenAddresses(url)) {
    if (!isInUse({ hostname, port: url.port })) continue;
    throw new Deno.errors.AddrInUse(
      `Cannot spawn a child: another program listens on ${
        hostWithPort({ ...url, hostname })
      }, the address of 'readyUrl'; stop that program or choose another port`,
    );
  }
}

/** The addresses on which a server could be mistaken for the child. */
function listenAddresses(url: TcpUrl | HttpUrl): string[] {
  const addresses = url.hostname === "localhost"
    ? LOOPBACKS
    : /^[\d.]+$|:/.test(url.hostname)
    ? [url.hostname]
    : [];
  // Elsewhere than on Linux, a port can be bound again next to the wildcard.
  const all = Deno.build.os === "linux" || addresses.length === 0
    ? addresses
    : [...addresses, ...WILDCARDS];
  return all.filter((hostname) => {
    const host = hostWithPort({ ...url, hostname });
    return isGranted({ name: "net", host });
  });
}

function isInUse(address: { hostname: string; port: number }): boolean {
  try {
    Deno.listen(address).close();
    return false;
  } catch (error) {
    return error instanceof Deno.errors.AddrInUse;
  }
}

/** The longest pause between two tries of a URL, for {@linkcode Probe}. */
export function pauseMax(url: ReadyUrl): number {
  return url.kind === "http" || url.kind === "https"
    ? HTTP_PAUSE_MAX
    : CONNECT_PAUSE_MAX;
}

/**
 * Makes the function that {@linkcode Probe} calls for a URL. It resolves to the
 * address when a server answers there.
 */
export function tryUrl(
  url: ReadyUrl,
): (signal: AbortSignal) => Promise<string> {
  return async (signal) => {
    if (url.kind === "unix") {
      await tryPath(url.path);
      return url.address;
    }
    let failure: unknown;
    for (const hostname of connectAddresses(url)) {
      try {
        await tryAddress(url, hostname, signal);
        return url.address;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof FinalProbeError) throw error;
        // An answer explains more than a failed connection.
        if (!(failure instanceof AnswerError)) failure = error;
      }
    }
    throw failure;
  };
}

/** @throws {Error} If no server listens on a path, which the message names. */
async function tryPath(path: string): Promise<void> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(`cannot connect to ${path}: ${message}`, { cause });
  }
}

/** The addresses to try: `localhost` is both families, whatever it resolves to. */
function connectAddresses(url: TcpUrl | HttpUrl): string[] {
  if (url.hostname !== "localhost") return [url.hostname];
  const granted = LOOPBACKS.filter((hostname) => {
    const host = hostWithPort({ ...url, hostname });
    return isGranted({ name: "net", host });
  });
  return granted.length > 0 ? granted : [url.hostname];
}

async function tryAddress(
  url: TcpUrl | HttpUrl,
  hostname: string,
  probe: AbortSignal,
): Promise<void> {
  const timeout = new AbortController();
  const timer = setTimeout(() => {
    timeout.abort(new Error(`no answer within ${TRY_TIMEOUT} ms`));
  }, TRY_TIMEOUT);
  Deno.unrefTimer(timer);
  const signal = AbortSignal.any([probe, timeout.signal]);
  // Node 20, which imports this as well, cannot parse `using`.
  const connections = new DisposableStack();
  try {
    const tcp = connections.use(
      await Deno.connect({ hostname, port: url.port, signal }),
    );
    if (url.kind === "tcp") return;
    tcp.unref();
    const conn = url.kind === "http" ? tcp : connections.use(
      await Deno.startTls(tcp, { hostname: url.hostname }),
    );
    // What is pending on a connection that was closed rejects.
    const close = () => conn[Symbol.dispose]();
    signal.addEventListener("abort", close);
    signal.throwIfAborted();
    try {
      await request(url, conn);
    } finally {
      signal.removeEventListener("abort", close);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    connections.dispose();
    clearTimeout(timer);
  }
}

/**
 * Sends a request, and reads its status.
 *
 * @throws {AnswerError} If the status is not one from 200 to 399.
 * @throws {FinalProbeError} If the server's certificate cannot be verified.
 */
async function request(
  url: HttpUrl,
  conn: Deno.TcpConn | Deno.TlsConn,
): Promise<void> {
  if ("handshake" in conn) await shakeHands(url, conn);
  const lines = [
    `GET ${url.target} HTTP/1.1`,
    `Host: ${url.host}`,
    "Accept: text/html, */*",
    "Connection: close",
  ];
  // It is short enough for one write.
  await conn.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  const status = await readStatus(conn);
  await within(RESPONSE_GRACE, readToEnd(conn));
  if (status < 200 || status > 399) throw new AnswerError(`${status}`);
}

async function shakeHands(url: HttpUrl, conn: Deno.TlsConn): Promise<void> {
  try {
    await conn.handshake();
  } catch (cause) {
    const why = /invalid peer certificate: (.*)/.exec(`${cause}`)?.[1];
    if (why === undefined) throw cause;
    throw new FinalProbeError(
      `Cannot probe ${url.address}: its certificate does not verify (${why}); pass the authority's certificate to Deno with --cert, or use 'readyWhen'`,
      { cause },
    );
  }
}

/**
 * Reads the status of the response, after those that announce another one.
 *
 * @throws {Error} If that is not what the server sends.
 */
async function readStatus(conn: Deno.Conn): Promise<number> {
  const decoder = new TextDecoder("latin1");
  const buffer = new Uint8Array(4096);
  let head = "";
  while (head.length <= HEAD_MAX) {
    const status = /^HTTP\/1\.\d (\d{3})(?!\d)/.exec(head)?.[1];
    if (status !== undefined && !status.startsWith("1")) return Number(status);
    const end = head.indexOf("\r\n\r\n");
    if (status !== undefined && end >= 0) {
      head = head.slice(end + 4);
      continue;
    }
    if (status === undefined && head.length >= "HTTP/1.1 200 ".length) break;
    const length = await conn.read(buffer);
    if (length === null) break;
    head += decoder.decode(buffer.subarray(0, length));
  }
  throw new Error(
    head === ""
      ? "the server closed the connection without an answer"
      : "the answer is not HTTP",
  );
}

/** Reads the rest of a response until its end or a limit. Does not reject. */
async function readToEnd(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(READ_BUFFER);
  try {
    for (let size = 0; size < RESPONSE_MAX;) {
      const length = await conn.read(buffer);
      if (length === null) return;
      size += length;
    }
  } catch {
    // The server has reset the connection, or this side has closed it.
  }
}
