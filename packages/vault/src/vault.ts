import type { Secret } from '@sotto/crypto';

/**
 * The encrypted local store. One writer; every event is one transaction; values are sealed, lookups are keyed hashes.
 * A failed callback or commit changes nothing.
 */
export interface Vault {
  /** Runs `event` in one transaction, durable (fsynced) when this returns. The callback is synchronous on purpose. */
  transaction<T>(event: (write: VaultWriter) => T): T;
  /** A consistent view. */
  read<T>(view: (read: VaultReader) => T): T;
  /** Search over what `index` was given, newest first. */
  search(query: string, limit: number): SearchHit[];
  /** Verifies every row against the sealed head. Throws `VaultError` `tampered`. */
  verify(): void;
  /** Wraps the vault key anew (another passphrase, another keystore). */
  rewrap(keystore: Keystore): Promise<void>;
  /** Wipes keys from memory and closes the file. */
  close(): void;
}

/**
 * A set of rows of one purpose, declared once in code by whoever uses it. `version` is written with each row;
 * `upgrade` turns an older row's bytes into today's when it is read.
 */
export interface Collection {
  readonly name: string;
  /** `ratchet`: sealed under a daily key that is wiped when the day is over (forward secrecy on disk). */
  readonly purpose: 'state' | 'ratchet' | 'history';
  readonly version: number;
  readonly upgrade?: (bytes: Uint8Array, fromVersion: number) => Uint8Array;
}

export interface VaultReader {
  get(collection: Collection, key: string): Uint8Array | null;
  /** Rows whose `lookup` contains `[name, value]`. */
  find(collection: Collection, lookup: string, value: string): Row[];
  /** Rows of a partition by ordinal; `after`/`before` are exclusive. */
  list(collection: Collection, range: Range): Row[];
  /** All rows, in no order. For small collections. */
  all(collection: Collection): Row[];
  count(collection: Collection, partition?: string): number;
}

export interface VaultWriter extends VaultReader {
  put(collection: Collection, key: string, value: Uint8Array, placing?: Placing): void;
  delete(collection: Collection, key: string): void;
  /** Adds text to the search index under a reference; replaces what the reference had. */
  index(reference: string, text: string): void;
  unindex(reference: string): void;
}

export interface Row {
  readonly key: string;
  readonly value: Uint8Array;
  readonly ordinal: number | null;
}

/** Where a row can be found besides by its key. Names and values are stored as keyed hashes only. */
export interface Placing {
  readonly lookups?: readonly (readonly [name: string, value: string])[];
  /** Ordinals are integers; unique within a partition. */
  readonly order?: { readonly partition: string; readonly ordinal: number };
}

export interface Range {
  readonly partition: string;
  readonly after?: number;
  readonly before?: number;
  readonly limit: number;
  readonly newestFirst?: boolean;
}

export interface SearchHit {
  readonly reference: string;
  /** Higher is better; recency breaks ties. */
  readonly score: number;
}

/** Guards the vault key: wraps it for the file header, unwraps it at unlock. */
export interface Keystore {
  readonly kind: string;
  wrap(vaultKey: Secret): Promise<Uint8Array>;
  /** Throws `VaultError` `wrong_passphrase` or `keystore_unavailable`. */
  unwrap(wrapped: Uint8Array): Promise<Secret>;
}
