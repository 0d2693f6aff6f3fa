import { VaultError } from '../error.ts';
import { ByteReader } from './bytes.ts';
import type { ByteWriter } from './bytes.ts';
import { MULTISET_SIZE, MultisetHash } from './multiset.ts';

/** bytes of the vault's random id */
export const VAULT_ID_SIZE = 16;
const MAX_COLLECTIONS = 1024;
const MAX_DAY_KEYS = 64;

/** Where a collection's rows lie, and under which key. Order is the encoding. */
export const TABLES = ['state', 'ratchet', 'history', 'search'] as const;
export type TableName = (typeof TABLES)[number];

/** A collection as the head knows it. */
export interface CollectionEntry {
  readonly name: string;
  /** Stands for the name in rows. */
  readonly id: number;
  readonly table: TableName;
  hash: MultisetHash;
}

/** A daily key that rows may still be sealed under: those with a counter from `firstCounter` to the next key's. */
export interface DayKeyEntry {
  readonly id: number;
  /** Days since 1970-01-01 UTC. */
  readonly day: number;
  readonly firstCounter: number;
}

/**
 * What the sealed head says about the whole file. It changes with every transaction, so rows that were removed,
 * replayed or swapped, and an older head, show.
 */
export interface Head {
  readonly vaultId: Uint8Array;
  /** Version of the file's schema; a copy of SQLite's `user_version`, which anyone could change. */
  schema: number;
  /** Changing transactions so far. */
  generation: number;
  /** Last number given to a row; each write of a row takes the next one. */
  counter: number;
  dayKeys: readonly DayKeyEntry[];
  readonly collections: Map<string, CollectionEntry>;
}

export function encodeHead(head: Head, writer: ByteWriter): ByteWriter {
  writer.raw(head.vaultId).varint(head.schema).varint(head.generation).varint(head.counter);
  writer.varint(head.dayKeys.length);
  for (const { id, day, firstCounter } of head.dayKeys) writer.varint(id).varint(day).varint(firstCounter);
  writer.varint(head.collections.size);
  for (const { name, id, table, hash } of head.collections.values()) {
    writer.text(name).varint(id).u8(TABLES.indexOf(table)).varint(hash.count).raw(hash.sum());
  }
  return writer;
}

/** Throws `damaged`. */
export function decodeHead(bytes: Uint8Array): Head {
  const reader = new ByteReader(bytes);
  const vaultId = reader.raw(VAULT_ID_SIZE).slice();
  const schema = reader.varint();
  const generation = reader.varint();
  const counter = reader.varint();
  const dayKeys = Array.from({ length: bounded(reader.varint(), MAX_DAY_KEYS) }, () => ({
    id: reader.varint(),
    day: reader.varint(),
    firstCounter: reader.varint(),
  }));
  const collections = new Map<string, CollectionEntry>();
  for (let left = bounded(reader.varint(), MAX_COLLECTIONS); left > 0; left--) {
    const name = reader.text();
    const id = reader.varint();
    const table = TABLES[reader.u8()];
    if (table === undefined) throw new VaultError('damaged', 'the head names an unknown table');
    const count = reader.varint();
    collections.set(name, { name, id, table, hash: new MultisetHash(reader.raw(MULTISET_SIZE), count) });
  }
  reader.end();
  return { vaultId, schema, generation, counter, dayKeys, collections };
}

function bounded(count: number, limit: number): number {
  if (count > limit) throw new VaultError('damaged', 'a list in the head is too long');
  return count;
}
