/** Lets one loop sleep until others have something for it. A wake-up that comes early is not lost. */
export class Signal {
  #awake = false;
  #wake: (() => void) | undefined;

  wake(): void {
    this.#awake = true;
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Resolves at the next wake-up, or at once if there was one since the last wait. */
  async wait(): Promise<void> {
    if (!this.#awake) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#awake = false;
  }
}
