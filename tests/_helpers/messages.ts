// Copyright 2026 the @ipc/barrier authors. MIT license.

/** The lines of a connection, parsed. */
export async function* messages<T>(
  readable: ReadableStream<Uint8Array>,
): AsyncGenerator<T> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of readable) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line);
  }
}
