import type { RecordName, SessionTag, TagChange } from '@sotto/engine';
import { idHex } from '@sotto/wire';

/** Where a message belongs. */
export interface TagMatch {
  readonly session: RecordName;
  /** Holds the key of that very message. */
  readonly record: RecordName | null;
}

/** Expected tags of all sessions, in memory only; rebuilt from the sessions at open. */
export class TagTable {
  readonly #matches = new Map<string, TagMatch>();
  readonly #ofSession = new Map<RecordName, Set<string>>();

  find(tag: Uint8Array): TagMatch | null {
    return this.#matches.get(idHex(tag)) ?? null;
  }

  /** All tags of a session, in place of those it had. */
  replace(session: RecordName, tags: readonly SessionTag[]): void {
    this.drop(session);
    this.#add(session, tags);
  }

  /** After a message of the session was opened. */
  apply(session: RecordName, change: TagChange): void {
    const own = this.#ofSession.get(session);
    if (change.used !== null) this.#remove(session, idHex(change.used));
    if (change.upcoming !== null && own !== undefined) {
      for (const tag of own) if (this.#matches.get(tag)?.record === null) this.#remove(session, tag);
    }
    this.#add(session, [...(change.upcoming ?? []), ...change.skipped]);
  }

  /** Records of a session are gone: nothing is expected by their tags any more. */
  forget(session: RecordName, records: readonly RecordName[]): void {
    const gone = new Set(records);
    for (const tag of this.#ofSession.get(session) ?? []) {
      const record = this.#matches.get(tag)?.record ?? null;
      if (record !== null && gone.has(record)) this.#remove(session, tag);
    }
  }

  /** The session ended. */
  drop(session: RecordName): void {
    for (const tag of this.#ofSession.get(session) ?? []) this.#matches.delete(tag);
    this.#ofSession.delete(session);
  }

  get sessions(): number {
    return this.#ofSession.size;
  }

  #add(session: RecordName, tags: readonly SessionTag[]): void {
    const own = this.#ofSession.get(session) ?? new Set();
    this.#ofSession.set(session, own);
    for (const { tag, record } of tags) {
      const key = idHex(tag);
      this.#matches.set(key, { session, record });
      own.add(key);
    }
  }

  #remove(session: RecordName, tag: string): void {
    this.#matches.delete(tag);
    this.#ofSession.get(session)?.delete(tag);
  }
}
