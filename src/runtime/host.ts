// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * What a child asks of its runtime: Deno, or Node and Bun, which have Node's
 * `process`. In Deno, reading `process` would load modules.
 */

/** Whether this is Deno, and not Node or Bun. */
export const isDeno: boolean = typeof Deno === "object";

/** Whether this is Bun. */
export function isBun(): boolean {
  return !isDeno && "bun" in node().versions;
}

// deno-lint-ignore no-process-global -- importing it would load it in Deno
const node = (): typeof process => process;

/**
 * Checks that this is Deno.
 *
 * @param what What needs it, as the error names it.
 * @param advice What to do without it.
 * @throws {TypeError} If it is not.
 */
export function requireDeno(what: string, advice: string): void {
  if (isDeno) return;
  const { bun, node: version } = node().versions;
  const runtime = bun === undefined ? `Node ${version}` : `Bun ${bun}`;
  throw new TypeError(
    `Cannot ${what}: it needs Deno, received ${runtime}; ${advice}`,
  );
}

/** Whether this is Windows. */
export function isWindows(): boolean {
  return isDeno ? Deno.build.os === "windows" : node().platform === "win32";
}

/** Returns the number of this process. */
export function processId(): number {
  return isDeno ? Deno.pid : node().pid;
}

/** Writes to stderr before it returns. */
export function writeError(bytes: Uint8Array): void {
  if (isDeno) Deno.stderr.writeSync(bytes);
  else node().getBuiltinModule("node:fs").writeSync(2, bytes);
}

/** Reads a variable if that is allowed. */
export function readVariable(variable: string): string | undefined {
  if (!isDeno) return node().env[variable];
  // At a terminal, Deno would ask the user. Elsewhere it throws immediately, which
  // saves a child a query that takes as long as everything else here.
  if (Deno.stdin.isTerminal() && !mayRead(variable)) return undefined;
  try {
    return Deno.env.get(variable);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** Whether a variable may be read without asking the user. */
export function mayRead(variable: string): boolean {
  if (!isDeno) return true;
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted";
}

/** Removes a variable that could be read. */
export function deleteVariable(variable: string): void {
  if (isDeno) Deno.env.delete(variable);
  else delete node().env[variable];
}

/**
 * Returns the descriptor of the IPC channel, `process.send()`, of a program that
 * another one has forked. Only Node knows its number, and `fork()` makes it 3.
 *
 * In Deno, call this only after something else has loaded `process`.
 */
export function ipcFd(): number | undefined {
  const { channel } = node() as { channel?: { fd?: number } | null };
  return channel ? channel.fd ?? 3 : undefined;
}

/** Makes an error of a class of `Deno.errors`; elsewhere, one of the same name. */
export function hostError(
  name: "BadResource" | "Busy" | "NotFound",
  message: string,
  options?: ErrorOptions,
): Error {
  if (isDeno) return new Deno.errors[name](message, options);
  return Object.defineProperty(new Error(message, options), "name", {
    value: name,
    configurable: true,
    writable: true,
  });
}

/** This process's stdin and stdout, as a channel needs them. */
export interface StandardStreams {
  /** Reads what comes next; `undefined` at the end. The next read reuses the bytes. */
  read(): Promise<Uint8Array | undefined>;
  /** Writes some of the bytes, and returns how many: 0 if stdout is full. */
  write(bytes: Uint8Array): number;
  /** Closes stdin, which ends a read that is under way. */
  close(): void;
  /** Makes a read keep the process alive. */
  ref(): void;
  /** Stops a read from keeping the process alive, if the runtime can. */
  unref(): void;
}

/**
 * How long, in milliseconds, to wait before the next write to a stdout that is full
 * and that another process made non-blocking. Others block for as long as needed.
 */
const WRITE_RETRY = 1;

/** Blocks this thread for some milliseconds. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Writes all bytes before it returns, even if stdout is full. */
export function writeAll(
  streams: Pick<StandardStreams, "write">,
  bytes: Uint8Array,
): void {
  for (let rest = bytes; rest.length > 0;) {
    const written = streams.write(rest);
    if (written === 0) sleep(WRITE_RETRY);
    rest = rest.subarray(written);
  }
}

/** Those of a Deno process. A read always keeps it alive. */
export class DenoStreams implements StandardStreams {
  readonly #buffer = new Uint8Array(64 * 1024);

  async read(): Promise<Uint8Array | undefined> {
    const length = await Deno.stdin.read(this.#buffer);
    return length === null ? undefined : this.#buffer.subarray(0, length);
  }

  write(bytes: Uint8Array): number {
    try {
      return Deno.stdout.writeSync(bytes);
    } catch (error) {
      if (error instanceof Deno.errors.WouldBlock) return 0;
      throw error;
    }
  }

  close(): void {
    try {
      Deno.stdin.close();
    } catch {
      // The program has closed it already.
    }
  }

  ref(): void {}

  unref(): void {}
}
