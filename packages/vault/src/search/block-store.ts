import type { CryptoProvider } from '@sotto/crypto';
import { VaultError } from '../error.ts';
import type { Database, Query } from '../file/database.ts';
import { ByteWriter, utf8 } from '../format/bytes.ts';

const LABEL = utf8('sotto/v1/vault-search');
/** Each segment has a random key of its own and writes each block once, so a block's number can be its nonce. */
const AEAD = 'chacha20-poly1305';
const NONCE_SIZE = 12;

/** Kinds of blocks; order is part of the format. */
const KINDS = ['directory', 'dictionary', 'postings', 'references'] as const;
export type BlockKind = (typeof KINDS)[number];
const BLOCKS_PER_KIND = 2 ** 14;
const BLOCKS_PER_SEGMENT = KINDS.length * BLOCKS_PER_KIND;

/** bytes of opened blocks kept */
const BUDGET = 12 * 1024 * 1024;

/** What names and opens a segment's blocks. */
export interface SegmentKey {
  readonly number: number;
  /** 32 bytes */
  readonly key: Uint8Array;
}

interface Kept {
  readonly value: unknown;
  readonly cost: number;
}

/** Sealed blocks of search segments, and the ones opened lately. */
export class BlockStore {
  readonly #provider: CryptoProvider;
  readonly #insert: Query;
  readonly #select: Query<[Uint8Array]>;
  readonly #remove: Query;
  readonly #count: Query<[number]>;
  /** By block id, least recently used first. */
  readonly #kept = new Map<number, Kept>();
  #size = 0;

  constructor(provider: CryptoProvider, database: Database) {
    this.#provider = provider;
    this.#insert = database.query('INSERT INTO search_block (id, sealed) VALUES (?, ?)');
    this.#select = database.query('SELECT sealed FROM search_block WHERE id = ?', ['blob']);
    this.#remove = database.query('DELETE FROM search_block WHERE id >= ? AND id < ?');
    this.#count = database.query('SELECT count(*) FROM search_block', ['integer']);
  }

  write(segment: SegmentKey, kind: BlockKind, index: number, plaintext: Uint8Array): void {
    if (index >= BLOCKS_PER_KIND) throw new VaultError('full', 'a search segment is too large');
    const id = idOf(segment, kind, index);
    this.#insert.run(id, this.#provider.seal(AEAD, segment.key, nonceOf(id), plaintext, LABEL));
  }

  /** Opens and decodes a block, or takes it from memory. Throws `tampered`. */
  read<T>(segment: SegmentKey, kind: BlockKind, index: number, decode: (plaintext: Uint8Array) => T): T {
    const id = idOf(segment, kind, index);
    const found = this.#kept.get(id);
    if (found !== undefined) {
      this.#kept.delete(id);
      this.#kept.set(id, found);
      return found.value as T;
    }
    const plaintext = this.open(segment, kind, index);
    const value = decode(plaintext);
    this.#keep(id, { value, cost: 4 * plaintext.length });
    return value;
  }

  /** Opens a block without keeping it. Throws `tampered`. */
  open(segment: SegmentKey, kind: BlockKind, index: number): Uint8Array {
    const id = idOf(segment, kind, index);
    const row = this.#select.get(id);
    const plaintext = row === null ? null : this.#provider.open(AEAD, segment.key, nonceOf(id), row[0], LABEL);
    if (plaintext === null) throw new VaultError('tampered', 'a search block was changed or removed');
    return plaintext;
  }

  remove({ number }: SegmentKey): void {
    this.#remove.run(number * BLOCKS_PER_SEGMENT, (number + 1) * BLOCKS_PER_SEGMENT);
  }

  /** Blocks in the file. */
  count(): number {
    return this.#count.get()?.[0] ?? 0;
  }

  /** Drops what is kept. */
  clear(): void {
    this.#kept.clear();
    this.#size = 0;
  }

  #keep(id: number, kept: Kept): void {
    this.#kept.set(id, kept);
    this.#size += kept.cost;
    for (const [oldest, { cost }] of this.#kept) {
      if (this.#size <= BUDGET || oldest === id) break;
      this.#kept.delete(oldest);
      this.#size -= cost;
    }
  }
}

function idOf({ number }: SegmentKey, kind: BlockKind, index: number): number {
  return number * BLOCKS_PER_SEGMENT + KINDS.indexOf(kind) * BLOCKS_PER_KIND + index;
}

function nonceOf(id: number): Uint8Array {
  return new ByteWriter(NONCE_SIZE).u32(0).i64(id).copy();
}
