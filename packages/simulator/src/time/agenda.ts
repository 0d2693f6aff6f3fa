interface Entry {
  readonly at: number;
  readonly number: number;
  task: (() => void) | null;
}

/** What is still to happen, by time, and within one instant by the sequence in which it was put down: a binary heap. */
export class Agenda {
  readonly #heap: Entry[] = [];
  #numbers = 0;
  #size = 0;

  /** Entries that were not cancelled. */
  get size(): number {
    return this.#size;
  }

  /** Puts a task down; the function returned takes it out again. */
  add(at: number, task: () => void): () => void {
    const entry: Entry = { at, number: this.#numbers++, task };
    this.#size++;
    this.#rise(entry);
    return () => {
      if (entry.task !== null) this.#size--;
      entry.task = null;
    };
  }

  /** The time of the next task; null: nothing is left. */
  nextAt(): number | null {
    while (this.#heap[0] !== undefined && this.#heap[0].task === null) this.#pop();
    return this.#heap[0]?.at ?? null;
  }

  /** Takes the next task out. */
  take(): (() => void) | null {
    if (this.nextAt() === null) return null;
    const entry = this.#pop();
    const task = entry?.task ?? null;
    if (entry !== undefined) entry.task = null;
    this.#size--;
    return task;
  }

  #rise(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const [a, b] = [heap[left], heap[left + 1]];
      if (a === undefined) break;
      const [child, index] = b !== undefined && before(b, a) ? [b, left + 1] : [a, left];
      if (!before(child, last)) break;
      heap[at] = child;
      at = index;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number);
}
