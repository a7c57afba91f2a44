// Copyright 2026 the @ipc/barrier authors. MIT license.

/**
 * What one end of a transport has sent, and what has arrived there: a test
 * knows by it when a step has settled, and need not let time pass.
 */
export class Traffic {
  /** How much has been sent from here. */
  sent = 0;
  #arrived = 0;
  #arrival = Promise.withResolvers<void>();

  /** Notes what has arrived, once it has been dealt with. */
  arrive(amount: number): void {
    this.#arrived += amount;
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers();
  }

  /** Waits until as much has arrived here in total. */
  async until(amount: number): Promise<void> {
    while (this.#arrived < amount) await this.#arrival.promise;
  }
}
