interface Waiter {
  readonly exclusive: boolean;
  readonly enter: () => void;
}

/**
 * Many at once in shared mode, one alone in exclusive mode, in the sequence of the calls: whoever asks for exclusivity
 * waits for those before and holds up those after.
 */
export class SharedLock {
  readonly #waiting: Waiter[] = [];
  #shared = 0;
  #exclusive = false;

  async shared<T>(task: () => Promise<T>): Promise<T> {
    await this.#enter(false);
    try {
      return await task();
    } finally {
      this.#shared--;
      this.#admit();
    }
  }

  async exclusive<T>(task: () => Promise<T>): Promise<T> {
    await this.#enter(true);
    try {
      return await task();
    } finally {
      this.#exclusive = false;
      this.#admit();
    }
  }

  #enter(exclusive: boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ exclusive, enter: resolve });
      this.#admit();
    });
  }

  #admit(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || this.#exclusive || (next.exclusive && this.#shared > 0)) return;
      this.#waiting.shift();
      if (next.exclusive) this.#exclusive = true;
      else this.#shared++;
      next.enter();
    }
  }
}
