// Copyright 2026 the @ipc/barrier authors. MIT license.

/** A client's and a server's end of a connection that is not open yet. */
export class WebSocketConnection implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #closed: Promise<unknown>[] = [];
  readonly client: WebSocket;
  /** The server's socket, once there is a request. */
  readonly accepted: Promise<WebSocket>;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<WebSocket>();
    this.accepted = promise;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        const { socket, response } = Deno.upgradeWebSocket(request);
        this.#watch(socket);
        resolve(socket);
        return response;
      },
    );
    this.client = new WebSocket(`ws://127.0.0.1:${this.#server.addr.port}`);
    this.#watch(this.client);
  }

  /** Waits until both ends are open. */
  async opened(): Promise<void> {
    for (const socket of [this.client, await this.accepted]) {
      if (socket.readyState !== WebSocket.CONNECTING) continue;
      await new Promise((resolve) => socket.addEventListener("open", resolve));
    }
  }

  #watch(socket: WebSocket): void {
    this.#closed.push(
      new Promise((resolve) => socket.addEventListener("close", resolve)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await Promise.all(this.#closed);
    await this.#server.shutdown();
  }
}
