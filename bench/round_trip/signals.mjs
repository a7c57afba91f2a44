// Copyright 2026 the @ipc/barrier authors. MIT license.

/** Waits for signals with promises, as one would write it by hand. */
export class Signals {
  #arrived = 0;
  #ended = false;
  /** @type {((open: boolean) => void) | undefined} */
  #wake;

  arrive(count = 1) {
    this.#arrived += count;
    this.#answer();
  }

  end() {
    this.#ended = true;
    this.#answer();
  }

  /**
   * Waits for one signal.
   *
   * @returns {Promise<boolean>} `false` when there are no more.
   */
  next() {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#answer();
    });
  }

  #answer() {
    if (this.#wake === undefined) return;
    const open = this.#arrived > 0;
    if (!open && !this.#ended) return;
    if (open) this.#arrived--;
    const wake = this.#wake;
    this.#wake = undefined;
    wake(open);
  }
}
