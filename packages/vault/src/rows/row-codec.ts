import type { CryptoProvider } from '@sotto/crypto';
import { VaultError } from '../error.ts';
import { ByteReader, ByteWriter, utf8 } from '../format/bytes.ts';
import { paddedLength } from '../format/padding.ts';
import type { Sealer } from '../format/sealer.ts';
import type { VaultKeys } from '../keys.ts';

/** bytes of a keyed hash as stored */
const HASH_SIZE = 16;
const LABEL = utf8('sotto/v1/vault-row');
const NO_BYTES = new Uint8Array(0);

/** What a row's seal is bound to: a row that was moved, renumbered or given another place does not open. */
export interface RowBinding {
  readonly collection: number;
  readonly place: Uint8Array;
  readonly counter: number;
  readonly lookups: Uint8Array;
  readonly order: { readonly partition: Uint8Array; readonly ordinal: number } | null;
}

/** What is inside a row's seal. */
export interface RowContent {
  readonly key: string;
  /** Version of the collection that wrote it. */
  readonly version: number;
  readonly value: Uint8Array;
}

/** Keyed hashes and seals of rows. */
export class RowCodec {
  readonly #provider: CryptoProvider;
  readonly #sealer: Sealer;
  readonly #keys: VaultKeys;
  readonly #scratch = new ByteWriter(512);
  readonly #plaintext = new ByteWriter(4096);

  constructor(provider: CryptoProvider, sealer: Sealer, keys: VaultKeys) {
    this.#provider = provider;
    this.#sealer = sealer;
    this.#keys = keys;
  }

  /** Where the row of a key lies. */
  place(collection: number, key: string): Uint8Array {
    return this.#hash(this.#scratch.wipe().u8(0).u32(collection).text(key));
  }

  lookup(collection: number, name: string, value: string): Uint8Array {
    return this.#hash(this.#scratch.wipe().u8(1).u32(collection).text(name).text(value));
  }

  partition(collection: number, name: string): Uint8Array {
    return this.#hash(this.#scratch.wipe().u8(2).u32(collection).text(name));
  }

  #hash(input: ByteWriter): Uint8Array {
    return this.#hmac('lookup', input).subarray(0, HASH_SIZE);
  }

  /** The row's element in its collection's multiset hash. The nonce tells apart two rows of a vault that was forked. */
  element(collection: number, place: Uint8Array, counter: number, nonce: Uint8Array): Uint8Array {
    return this.#hmac('elements', this.#scratch.wipe().u32(collection).raw(place).i64(counter).raw(nonce));
  }

  #hmac(use: 'lookup' | 'elements', input: ByteWriter): Uint8Array {
    return this.#provider.hmac('sha256', this.#keys.of(use), input.view()).reveal();
  }

  seal(key: Uint8Array, nonce: Uint8Array, content: RowContent, binding: RowBinding): Uint8Array {
    const plaintext = this.#plaintext.wipe().varint(content.version).text(content.key).blob(content.value);
    plaintext.zeros(paddedLength(plaintext.length) - plaintext.length);
    const sealed = this.#sealer.seal(key, nonce, plaintext.view(), this.#associated(binding));
    plaintext.wipe();
    return sealed;
  }

  /** The value is alone in its ArrayBuffer. Throws `tampered`. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, binding: RowBinding): RowContent {
    const plaintext = this.#sealer.open(key, nonce, sealed, this.#associated(binding));
    const reader = new ByteReader(plaintext);
    const content = { version: reader.varint(), key: reader.text(), value: reader.blob().slice() };
    plaintext.fill(0);
    return content;
  }

  #associated({ collection, place, counter, lookups, order }: RowBinding): Uint8Array {
    const writer = this.#scratch.wipe().raw(LABEL).u32(collection).raw(place).i64(counter).blob(lookups);
    return (order === null ? writer.u8(0) : writer.u8(1).raw(order.partition).i64(order.ordinal)).view();
  }
}

/** Lookup hashes as a row keeps them: sorted, each once. */
export function joinHashes(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return NO_BYTES;
  const sorted = hashes.toSorted(compareBytes);
  const joined = new ByteWriter(hashes.length * HASH_SIZE);
  sorted.forEach((hash, i) => {
    const before = sorted[i - 1];
    if (before === undefined || compareBytes(before, hash) !== 0) joined.raw(hash);
  });
  return joined.copy();
}

/** Throws `tampered`. */
export function splitHashes(joined: Uint8Array): Uint8Array[] {
  if (joined.length % HASH_SIZE !== 0) throw new VaultError('tampered', 'the lookups of a row were changed');
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < joined.length; at += HASH_SIZE) hashes.push(joined.subarray(at, at + HASH_SIZE));
  return hashes;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** Public bytes only: not constant-time. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}
