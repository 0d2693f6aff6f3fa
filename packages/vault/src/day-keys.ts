import type { CryptoProvider } from '@sotto/crypto';
import { Secret } from '@sotto/crypto';
import { VaultError } from './error.ts';
import { ByteWriter, utf8 } from './format/bytes.ts';
import type { DayKeyEntry } from './format/head.ts';
import type { Sealer } from './format/sealer.ts';
import type { Database, Query } from './file/database.ts';
import type { HeadKeeper } from './head-keeper.ts';
import { VAULT_KEY_SIZE } from './keys.ts';
import type { VaultKeys } from './keys.ts';

const LABEL = utf8('sotto/v1/vault-day-key');

export interface DayKeyParts {
  readonly provider: CryptoProvider;
  readonly database: Database;
  readonly sealer: Sealer;
  readonly keys: VaultKeys;
  readonly head: HeadKeeper;
}

/**
 * Random keys of one day each, under which ratchet rows are sealed. Yesterday's key is deleted once the rows that still
 * live are sealed under today's: what the disk may still hold of dead rows can then be opened by nobody.
 */
export class DayKeys implements Disposable {
  readonly #parts: DayKeyParts;
  readonly #read: Query<[Uint8Array, Uint8Array]>;
  readonly #write: Query;
  readonly #delete: Query;
  readonly #secrets = new Map<number, Secret>();

  constructor(parts: DayKeyParts) {
    this.#parts = parts;
    this.#read = parts.database.query('SELECT nonce, sealed FROM day_key WHERE id = ?', ['blob', 'blob']);
    this.#write = parts.database.query('INSERT INTO day_key (id, nonce, sealed) VALUES (?, ?, ?)');
    this.#delete = parts.database.query('DELETE FROM day_key WHERE id = ?');
  }

  /** Holds exactly the keys that the head names: after opening, and after every commit or rollback that touched them. */
  sync(): void {
    const { keys, sealer, head } = this.#parts;
    const live = new Set(head.current.dayKeys.map(({ id }) => id));
    for (const [id, secret] of this.#secrets) {
      if (live.has(id)) continue;
      secret.dispose();
      this.#secrets.delete(id);
    }
    for (const id of live) {
      if (this.#secrets.has(id)) continue;
      const row = this.#read.get(id);
      if (row === null) throw new VaultError('tampered', 'a daily key is missing');
      this.#secrets.set(id, Secret.take(sealer.open(keys.of('day-keys'), row[0], row[1], bound(id))));
    }
  }

  /** The key that the row with this counter is sealed under. Throws `tampered`. */
  keyFor(counter: number): Uint8Array {
    const entry = this.#parts.head.current.dayKeys.findLast(({ firstCounter }) => firstCounter <= counter);
    const secret = entry === undefined ? undefined : this.#secrets.get(entry.id);
    if (secret === undefined) throw new VaultError('tampered', 'a row claims a daily key that is gone');
    return secret.reveal();
  }

  /** First counter of the newest key: rows below it are sealed under older keys. */
  get firstCounter(): number {
    return this.#newest?.firstCounter ?? 0;
  }

  /** More than the newest key is left. */
  get hasOld(): boolean {
    return this.#parts.head.current.dayKeys.length > 1;
  }

  /** True on another day than the newest key's, also an earlier one: a clock set back must not stop the rolling. */
  isDue(day: number): boolean {
    return this.#newest?.day !== day;
  }

  get #newest(): DayKeyEntry | undefined {
    return this.#parts.head.current.dayKeys.at(-1);
  }

  /** Makes the key for `day`, inside a transaction; rows written from now on are sealed under it. */
  roll(day: number): void {
    const { provider, keys, sealer, head } = this.#parts;
    const id = (this.#newest?.id ?? 0) + 1;
    const secret = Secret.take(provider.random(VAULT_KEY_SIZE));
    this.#secrets.set(id, secret);
    const nonce = sealer.nonce();
    this.#write.run(id, nonce, sealer.seal(keys.of('day-keys'), nonce, secret.reveal(), bound(id)));
    head.setDayKeys([...head.current.dayKeys, { id, day, firstCounter: head.current.counter + 1 }]);
  }

  /** Deletes all keys but the newest, inside a transaction. */
  retireOld(): void {
    const { head } = this.#parts;
    const newest = this.#newest;
    for (const { id } of head.current.dayKeys) if (id !== newest?.id) this.#delete.run(id);
    head.setDayKeys(newest === undefined ? [] : [newest]);
  }

  [Symbol.dispose](): void {
    for (const secret of this.#secrets.values()) secret.dispose();
    this.#secrets.clear();
  }
}

function bound(id: number): Uint8Array {
  return new ByteWriter().raw(LABEL).i64(id).copy();
}
