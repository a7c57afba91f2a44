// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Calls a function on a system that is called Windows, or is not called that. */
export function windows<T>(isWindows: boolean, call: () => T): T {
  const { build } = Deno;
  const unix = build.os === "windows" ? "linux" : build.os;
  const value = { ...build, os: isWindows ? "windows" : unix };
  Object.defineProperty(Deno, "build", { value });
  try {
    return call();
  } finally {
    Object.defineProperty(Deno, "build", { value: build });
  }
}
