import type { CryptoProvider } from '@sotto/crypto';
import { VaultError } from '../error.ts';
import { ByteReader, ByteWriter } from '../format/bytes.ts';
import type { VaultKeys } from '../keys.ts';
import type { RankedRow, RowTable } from './row-table.ts';

/** Distance between ranks that are appended: room for twenty halvings before neighbours move. */
const GAP = 2 ** 20;
/** Ranks stay far inside the safe integers. */
const MAX_BITS = 51;
/** How much emptier each doubling of a window must be for its rows to be spread over it. */
const THINNING = 1.3;
const ORDINAL_SIZE = 8;

interface Placed {
  readonly rank: number;
  readonly ordinal: number;
}

/** Ranks outside every row's. */
export const LOWEST_RANK = -(2 ** 53 - 1);
export const HIGHEST_RANK = 2 ** 53 - 1;

/**
 * Order without times: a row's ordinal is stored under a mask; what the file shows is a rank, which says only which row
 * comes before which. Ranks are found by bisecting, and where there is no room the smallest sparse enough window is
 * spread anew (Bender, Cole, Demaine, Farach-Colton and Zito, "Two Simplified Algorithms for Maintaining Order in a
 * List", ESA 2002), which costs O(log n) amortised.
 */
export class Order {
  readonly #provider: CryptoProvider;
  readonly #keys: VaultKeys;
  readonly #scratch = new ByteWriter(ORDINAL_SIZE);
  /** Last row of a partition, by table and partition: appending is what mostly happens. */
  readonly #last = new Map<string, Placed>();

  constructor(provider: CryptoProvider, keys: VaultKeys) {
    this.#provider = provider;
    this.#keys = keys;
  }

  /** After a rollback, or when an ordered row was deleted. */
  forget(): void {
    this.#last.clear();
  }

  mask(ordinal: number, nonce: Uint8Array): Uint8Array {
    return this.#xor(this.#scratch.wipe().i64(ordinal).copy(), nonce);
  }

  /** Not authenticated by itself; opening the row is. Throws `tampered`. */
  unmask(masked: Uint8Array, nonce: Uint8Array): number {
    if (masked.length !== ORDINAL_SIZE) throw new VaultError('tampered', 'an ordinal was changed');
    try {
      return new ByteReader(this.#xor(masked.slice(), nonce)).i64();
    } catch (cause) {
      throw new VaultError('tampered', 'an ordinal was changed', { cause });
    }
  }

  #xor(bytes: Uint8Array, nonce: Uint8Array): Uint8Array {
    using mask = this.#provider.hmac('sha256', this.#keys.of('order'), nonce);
    const stream = mask.reveal();
    for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] ?? 0) ^ (stream[i] ?? 0);
    return bytes;
  }

  /** A rank for a new row. Throws `misuse` if the ordinal is taken. */
  rankFor(table: RowTable, name: string, partition: Uint8Array, ordinal: number): number {
    const last = this.#last.get(name) ?? this.#placed(table.lastRank.get(partition));
    if (last === null || ordinal > last.ordinal) {
      const rank = last === null ? 0 : last.rank + GAP;
      this.#last.set(name, { rank, ordinal });
      return rank;
    }
    this.#last.set(name, last);
    const next = this.firstFrom(table, partition, ordinal);
    if (next === null) throw new VaultError('tampered', 'the order of rows was changed');
    if (next.ordinal === ordinal) throw new VaultError('misuse', 'the ordinal is taken');
    return this.#between(table, partition, next.rank) ?? this.#makeRoom(table, name, partition, ordinal, next.rank);
  }

  /** First row whose ordinal is at least `ordinal`; null: all are lower. */
  firstFrom(table: RowTable, partition: Uint8Array, ordinal: number): Placed | null {
    const first = table.firstRank.get(partition);
    const last = this.#placed(table.lastRank.get(partition));
    if (first === null || last === null || last.ordinal < ordinal) return null;
    let low = first[0];
    let high = last.rank;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      const row = this.#placed(table.rankFrom.get(partition, middle));
      if (row === null) break;
      if (row.ordinal >= ordinal) high = middle;
      else low = row.rank + 1;
    }
    return this.#placed(table.rankFrom.get(partition, low));
  }

  #between(table: RowTable, partition: Uint8Array, next: number): number | null {
    const previous = table.rankBefore.get(partition, next);
    if (previous === null) return next - GAP;
    const middle = previous[0] + Math.floor((next - previous[0]) / 2);
    return middle > previous[0] ? middle : null;
  }

  #makeRoom(table: RowTable, name: string, partition: Uint8Array, ordinal: number, around: number): number {
    this.#last.delete(name);
    for (let bits = 4; bits <= MAX_BITS; bits++) {
      const size = 2 ** bits;
      const low = Math.floor(around / size) * size;
      const [count] = table.windowCount.get(partition, low, low + size) ?? [0];
      if (count + 2 > (2 / THINNING) ** bits) continue;
      const step = Math.floor(size / (count + 1));
      if (step < 2) continue;
      const counters = table.window.all(partition, low, low + size);
      counters.forEach(([counter], i) => table.setRank.run(low + (i + 1) * step - 1, counter));
      return this.rankFor(table, name, partition, ordinal);
    }
    throw new VaultError('full', 'a partition holds too many rows');
  }

  #placed(row: RankedRow | null): Placed | null {
    return row === null ? null : { rank: row[0], ordinal: this.unmask(row[2], row[1]) };
  }
}
