// Copyright 2026 the @ipc/barrier authors. MIT license.

/*
 * What Deno's namespace calls these types, spelled out, because a project for Node
 * or Bun that imports this package does not have that namespace.
 */

/** The name of a signal, the same as `Deno.Signal`. */
export type BarrierProcessSignal =
  | "SIGABRT"
  | "SIGALRM"
  | "SIGBREAK"
  | "SIGBUS"
  | "SIGCHLD"
  | "SIGCONT"
  | "SIGEMT"
  | "SIGFPE"
  | "SIGHUP"
  | "SIGILL"
  | "SIGINFO"
  | "SIGINT"
  | "SIGIO"
  | "SIGKILL"
  | "SIGPIPE"
  | "SIGPOLL"
  | "SIGPROF"
  | "SIGPWR"
  | "SIGQUIT"
  | "SIGSEGV"
  | "SIGSTKFLT"
  | "SIGSTOP"
  | "SIGSYS"
  | "SIGTERM"
  | "SIGTRAP"
  | "SIGTSTP"
  | "SIGTTIN"
  | "SIGTTOU"
  | "SIGUNUSED"
  | "SIGURG"
  | "SIGUSR1"
  | "SIGUSR2"
  | "SIGVTALRM"
  | "SIGWINCH"
  | "SIGXCPU"
  | "SIGXFSZ";

/** How a process exited, the same as `Deno.CommandStatus`. */
export interface BarrierProcessStatus {
  /** Whether it exited with code 0. */
  success: boolean;
  /** The exit code; 128 plus the number of the signal that killed it. */
  code: number;
  /** The signal that killed it, or `null`. */
  signal: BarrierProcessSignal | null;
}

/** A process's stdout or stderr, the same as `Deno.SubprocessReadableStream`. */
export interface BarrierProcessOutput
  extends ReadableStream<Uint8Array<ArrayBuffer>> {
  /** Reads the stream to its end, and resolves to its bytes. */
  arrayBuffer(): Promise<ArrayBuffer>;
  /** Reads the stream to its end, and resolves to its bytes. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** Reads the stream to its end, and resolves to its text parsed as JSON. */
  json(): ReturnType<Response["json"]>;
  /** Reads the stream to its end, and resolves to its text. */
  text(): Promise<string>;
}

/**
 * The permissions of a Deno module, the same as `Deno.PermissionOptionsObject`. Each
 * is granted if it is `true`, for the values of a list, or as far as this process has
 * it in full if it is `"inherit"`.
 */
export interface SpawnPermissions {
  /** Access to environment variables, by their names. */
  env?: "inherit" | boolean | string[];
  /** Access to dynamic libraries, by their paths. */
  ffi?: "inherit" | boolean | (string | URL)[];
  /** Imports from the network, by their hosts. */
  import?: "inherit" | boolean | string[];
  /** Access to the network, by hosts. */
  net?: "inherit" | boolean | string[];
  /** Access to files for reading, by their paths. */
  read?: "inherit" | boolean | (string | URL)[];
  /** Permission to run programs, by their names or paths. */
  run?: "inherit" | boolean | (string | URL)[];
  /** Access to information about the system, by its kinds. */
  sys?: "inherit" | boolean | string[];
  /** Access to files for writing, by their paths. */
  write?: "inherit" | boolean | (string | URL)[];
}
