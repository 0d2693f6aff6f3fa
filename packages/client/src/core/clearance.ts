/** A gate that sealing waits at: shut until it is known whether this vault is still the only one of its device. */
export class Clearance {
  #isOpen = false;
  #waiting: (() => void)[] = [];

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Lets through who waits and who comes; also when everything ends. */
  open(): void {
    this.#isOpen = true;
    for (const enter of this.#waiting.splice(0)) enter();
  }

  shut(): void {
    this.#isOpen = false;
  }

  async passed(): Promise<void> {
    while (!this.#isOpen) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
