import type { SearchHit, SearchOptions, Vault, VaultReader, VaultWriter } from '@sotto/vault';
import type { BellSounds, Bells } from '../core/bells.ts';
import type { Emitter } from '../events/emitter.ts';
import type { MessengerEvent } from '../events/types.ts';

/** One event's transaction: what is written, and what follows once it is on disk. */
export interface Tx {
  readonly write: VaultWriter;
  /** Tells listeners after the commit, in the sequence of the calls. */
  emit(event: MessengerEvent): void;
  /** Runs at the end of the event, in the same transaction, once everything else is written. */
  last(task: (tx: Tx) => void): void;
  /** Runs after the commit and before the events, to bring memory up to date. Must not throw. */
  after(task: () => void): void;
  /** Tells other rooms, after the events. */
  ring<Name extends keyof BellSounds>(name: Name, sound: BellSounds[Name]): void;
}

/** The vault, with everything that depends on a commit done after it and only then. */
export class Ledger {
  readonly #vault: Vault;
  readonly #events: Emitter;
  readonly #bells: Bells;

  constructor(vault: Vault, events: Emitter, bells: Bells) {
    this.#vault = vault;
    this.#events = events;
    this.#bells = bells;
  }

  /** Durable when it returns. If `event` or the commit throws, nothing has happened. */
  commit<T>(event: (tx: Tx) => T): T {
    const lasts: ((tx: Tx) => void)[] = [];
    const tasks: (() => void)[] = [];
    const told: MessengerEvent[] = [];
    const rung: (() => void)[] = [];
    const result = this.#vault.transaction((write) => {
      const tx: Tx = {
        write,
        emit: (each) => void told.push(each),
        last: (task) => void lasts.push(task),
        after: (task) => void tasks.push(task),
        ring: (name, sound) => void rung.push(() => this.#bells.ring(name, sound)),
      };
      const value = event(tx);
      for (let task = lasts.shift(); task !== undefined; task = lasts.shift()) task(tx);
      return value;
    });
    for (const task of tasks) task();
    for (const each of told) this.#events.emit(each);
    for (const ring of rung) ring();
    return result;
  }

  search(query: string, options: SearchOptions): SearchHit[] {
    return this.#vault.search(query, options);
  }

  /** Not inside an event: there its writer reads. */
  read<T>(view: (read: VaultReader) => T): T {
    return this.#vault.read(view);
  }
}
