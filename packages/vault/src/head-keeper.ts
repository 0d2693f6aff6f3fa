import { VaultError } from './error.ts';
import { ByteWriter, utf8 } from './format/bytes.ts';
import { decodeHead, encodeHead } from './format/head.ts';
import type { CollectionEntry, DayKeyEntry, Head, TableName } from './format/head.ts';
import { MultisetHash } from './format/multiset.ts';
import type { Sealer } from './format/sealer.ts';
import type { Database, Query } from './file/database.ts';
import type { VaultKeys } from './keys.ts';

const LABEL = utf8('sotto/v1/vault-head');

export interface HeadParts {
  readonly database: Database;
  readonly sealer: Sealer;
  readonly keys: VaultKeys;
}

/** The head in memory, its draft during a transaction, and its sealed row. */
export class HeadKeeper {
  readonly #parts: HeadParts;
  readonly #write: Query;
  readonly #writer = new ByteWriter(4096);
  #committed: Head;
  #draft: Head | null = null;

  constructor(parts: HeadParts, head: Head) {
    this.#parts = parts;
    this.#committed = head;
    this.#write = parts.database.query('INSERT OR REPLACE INTO head (id, nonce, sealed) VALUES (1, ?, ?)');
  }

  /** Reads the sealed head. Throws `tampered`. */
  static load(parts: HeadParts, vaultId: Uint8Array): HeadKeeper {
    const row = parts.database
      .query<[Uint8Array, Uint8Array]>('SELECT nonce, sealed FROM head', ['blob', 'blob'])
      .get();
    if (row === null) throw new VaultError('tampered', 'the head of the vault is missing');
    const [nonce, sealed] = row;
    return new HeadKeeper(parts, decodeHead(parts.sealer.open(parts.keys.of('head'), nonce, sealed, bound(vaultId))));
  }

  get current(): Readonly<Head> {
    return this.#draft ?? this.#committed;
  }

  get #changing(): Head {
    this.#draft ??= copyOf(this.#committed);
    return this.#draft;
  }

  /** Null: nothing was ever put there. Throws `misuse` if the name was used for another purpose. */
  find(name: string, table: TableName): CollectionEntry | null {
    const entry = this.current.collections.get(name);
    if (entry === undefined) return null;
    if (entry.table !== table) throw new VaultError('misuse', 'a collection changed its purpose');
    return entry;
  }

  /** The collection's entry, made if there is none. */
  register(name: string, table: TableName): CollectionEntry {
    const found = this.find(name, table);
    if (found !== null) return found;
    const { collections } = this.#changing;
    const entry = { name, id: collections.size + 1, table, hash: new MultisetHash() };
    collections.set(name, entry);
    return entry;
  }

  add({ name }: CollectionEntry, element: Uint8Array): void {
    this.#changing.collections.get(name)?.hash.add(element);
  }

  remove({ name }: CollectionEntry, element: Uint8Array): void {
    this.#changing.collections.get(name)?.hash.remove(element);
  }

  /** The number for the next row written; never used twice. */
  nextCounter(): number {
    const head = this.#changing;
    head.counter++;
    return head.counter;
  }

  setDayKeys(dayKeys: readonly DayKeyEntry[]): void {
    this.#changing.dayKeys = dayKeys;
  }

  setSchema(schema: number): void {
    this.#changing.schema = schema;
  }

  /** Writes the sealed head as the last step before the commit. False: nothing has changed, nothing was written. */
  save(): boolean {
    if (this.#draft === null) return false;
    this.#draft.generation++;
    const { keys, sealer } = this.#parts;
    const nonce = sealer.nonce();
    const plaintext = encodeHead(this.#draft, this.#writer.wipe()).view();
    this.#write.run(nonce, sealer.seal(keys.of('head'), nonce, plaintext, bound(this.#draft.vaultId)));
    return true;
  }

  committed(): void {
    this.#committed = this.#draft ?? this.#committed;
    this.#draft = null;
  }

  discard(): void {
    this.#draft = null;
  }
}

function bound(vaultId: Uint8Array): Uint8Array {
  return new ByteWriter().raw(LABEL).raw(vaultId).copy();
}

function copyOf(head: Head): Head {
  const collections = new Map<string, CollectionEntry>();
  for (const [name, entry] of head.collections) collections.set(name, { ...entry, hash: entry.hash.clone() });
  return { ...head, collections };
}
