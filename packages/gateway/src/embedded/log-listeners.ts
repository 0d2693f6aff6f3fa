import type { LogListener, StoredEntry } from '../ports/group-logs.ts';
import { keyOf } from '../byte-keys.ts';
import type { Participant } from './group-commit.ts';

/** Who listens to which log; tells them what a transaction appended once it is on disk, and nothing if it is void. */
export class LogListeners implements Participant {
  readonly #listeners = new Map<string, Set<LogListener>>();
  #notices: { readonly key: string; readonly record: StoredEntry }[] = [];

  listen(log: Uint8Array, listener: LogListener): () => void {
    const key = keyOf(log);
    let listeners = this.#listeners.get(key);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(key, listeners);
    }
    const all = listeners;
    all.add(listener);
    return () => {
      all.delete(listener);
      if (all.size === 0 && this.#listeners.get(key) === all) this.#listeners.delete(key);
    };
  }

  /** To be told after the commit. */
  announce(log: Uint8Array, record: StoredEntry): void {
    const key = keyOf(log);
    if (!this.#listeners.has(key)) return;
    // The entry is a view of what a socket brought: listeners that let it wait must not hold on to all of that.
    this.#notices.push({ key, record: { ...record, entry: new Uint8Array(record.entry) } });
  }

  beforeCommit(): void {}

  afterCommit(): void {
    if (this.#notices.length === 0) return;
    const notices = this.#notices;
    this.#notices = [];
    for (const { key, record } of notices) {
      for (const listener of this.#listeners.get(key) ?? []) listener.appended(record);
    }
  }

  afterRollback(): void {
    this.#notices = [];
  }
}
