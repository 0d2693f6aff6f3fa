import type { Secret } from '@sotto/crypto';

/**
 * The encrypted local store: a folder with one writer. Every event is one transaction; values are sealed, lookups are
 * keyed hashes. Everything here throws `VaultError`.
 */
export interface Vault {
  /**
   * Runs `event` in one transaction, durable (fsynced) when this returns. The callback is synchronous on purpose; if it
   * throws, or the commit fails (`full`, `io`), nothing has changed. Nested use is refused (`misuse`).
   */
  transaction<T>(event: (write: VaultWriter) => T): T;
  /** A consistent view. Views may nest; inside an event use its writer instead. */
  read<T>(view: (read: VaultReader) => T): T;
  /**
   * What `index` was given and contains every word of `query`, each word as a prefix; newest indexed first. Case,
   * accents and similar differences do not count. A query without words finds nothing.
   */
  search(query: string, options: SearchOptions): SearchHit[];
  /**
   * Bounded upkeep, for idle moments: new daily keys, search segments merged, deleted rows' remains overwritten.
   * Each call takes well under a second; true: there is more to do. Without calls the necessary part happens inside
   * events, which then take longer.
   */
  maintain(): boolean;
  /** Verifies everything against the sealed head, then the file's structure. Throws `tampered` or `damaged`. */
  verify(): void;
  /**
   * The same in slices of about `rows` rows, between which events may happen. True: there is more to do.
   * After the last slice, an error or a failed event the next call begins anew.
   */
  verifySome(rows: number): boolean;
  /**
   * Number of changing transactions so far. A copy kept elsewhere (gateway, TPM) shows a vault that was rolled back as a
   * whole, which no file can show by itself.
   */
  generation(): number;
  /**
   * Wraps the vault key anew (another passphrase, another keystore) and overwrites the old wrapping. What the old
   * keystore keeps outside the vault (a key file) is destroyed if the new one is of another kind.
   */
  rewrap(keystore: Keystore): Promise<void>;
  /** Overwrites and truncates the write-ahead log, wipes keys from memory, closes the file. May be called twice. */
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
  /**
   * Adds text to the search index under a reference; replaces what the reference had (and its place in the order).
   * `scope` groups references so that a search can be limited to them: a conversation.
   */
  index(reference: string, text: string, scope?: string): void;
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
  /**
   * Ordinals are safe integers, unique within a partition. They may be times: only their order can be seen in the file.
   */
  readonly order?: { readonly partition: string; readonly ordinal: number };
}

export interface Range {
  readonly partition: string;
  readonly after?: number;
  readonly before?: number;
  readonly limit: number;
  readonly newestFirst?: boolean;
}

export interface SearchOptions {
  readonly limit: number;
  /** Only references indexed with this scope. */
  readonly scope?: string;
  /** Only hits older than this `position`: the next page. */
  readonly before?: number;
}

export interface SearchHit {
  readonly reference: string;
  /** Place in the order of indexing; higher is newer. */
  readonly position: number;
}

/** Time as the vault needs it. */
export interface VaultClock {
  /** Unix milliseconds. */
  now(): number;
}

/** Guards the vault key: wraps it for the vault's key file, unwraps it at unlock. */
export interface Keystore {
  /** Stored in the clear beside the wrapped key, so that a program knows whom to ask: `passphrase`, `file`, … */
  readonly kind: string;
  /** At most 4096 bytes. */
  wrap(vaultKey: Secret): Promise<Uint8Array>;
  /** Throws `wrong_passphrase`, `keystore_unavailable`, `insecure_permissions` or `damaged`. */
  unwrap(wrapped: Uint8Array): Promise<Secret>;
  /** Wipes what it holds in memory (a passphrase); from then on `wrap` and `unwrap` throw `misuse`. May be called twice. */
  dispose?(): void;
  /** Destroys what this keystore keeps outside the vault. */
  forget?(): Promise<void>;
}
