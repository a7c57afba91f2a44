// Copyright 2026 the @ipc/barrier authors. MIT license.

export function greeting(name: string): string {
  return `Hello, ${name}`;
}
