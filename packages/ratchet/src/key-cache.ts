import type { CryptoProvider, KeyKind, PrivateKey, PublicKey } from '@sotto/crypto';
import { equalBytes } from '@sotto/wire';
import { RatchetError } from './error.ts';

/** One call may hold this many keys at once; with fewer places it could evict a key it is using. */
const LEAST_CAPACITY = 16;

/** Sealing keys of the devices that sessions are just being started with. */
const SEALING_KEYS = 16;

/**
 * Imported private keys, the least recently used evicted. Importing an X25519 key costs as much as a Diffie-Hellman,
 * so a session that is in use keeps its ratchet key here between calls. Losing the cache loses nothing: every key is in
 * a record too. Keys are found by their public half, so no secret becomes a map key. Clear it when the vault locks.
 */
export class KeyCache implements Disposable {
  readonly #provider: CryptoProvider;
  readonly #capacity: number;
  readonly #keys = new Map<string, { readonly id: Uint8Array; readonly key: PrivateKey }>();

  readonly #sealingKeys: PublicKey<'x-wing'>[] = [];

  readonly #signers = new Map<string, PublicKey<'ed25519'>>();

  /** Throws `RatchetError` `parameters` for a capacity below 16. */
  constructor({ provider, capacity }: { readonly provider: CryptoProvider; readonly capacity: number }) {
    if (capacity < LEAST_CAPACITY) throw new RatchetError('parameters', `the cache needs ${LEAST_CAPACITY} places`);
    this.#provider = provider;
    this.#capacity = capacity;
  }

  /**
   * The key whose public half (or a hash of it) is `id`, imported from `bytes` unless it is here. Owned by the cache:
   * do not dispose it, and do not keep it beyond the call.
   */
  get<Kind extends KeyKind>(kind: Kind, id: Uint8Array, bytes: Uint8Array): PrivateKey<Kind> {
    const name = nameOf(kind, id);
    const known = this.#keys.get(name);
    if (known !== undefined && equalBytes(known.id, id)) {
      this.#keys.delete(name);
      this.#keys.set(name, known);
      return known.key as PrivateKey<Kind>;
    }
    const key = this.#provider.importPrivate(kind, bytes);
    this.#add(name, id, key);
    return key;
  }

  /** A sealing key, imported unless it was used lately: importing one costs almost as much as a Diffie-Hellman. */
  sealingKey(bytes: Uint8Array): PublicKey<'x-wing'> {
    const known = this.#sealingKeys.find((key) => this.#provider.equal(key.bytes, bytes));
    if (known !== undefined) return known;
    const key = this.#provider.importPublic('x-wing', bytes);
    this.putSealingKey(key);
    return key;
  }

  /** Remembers a sealing key that was just verified. */
  putSealingKey(key: PublicKey<'x-wing'>): void {
    const before = this.#sealingKeys.findIndex((known) => this.#provider.equal(known.bytes, key.bytes));
    if (before >= 0) this.#sealingKeys.splice(before, 1);
    this.#sealingKeys.unshift(key);
    this.#sealingKeys.length = Math.min(this.#sealingKeys.length, SEALING_KEYS);
  }

  /** A public key that many signatures are verified with, imported unless it was used lately. */
  signer(bytes: Uint8Array): PublicKey<'ed25519'> {
    const name = nameOf('ed25519', bytes);
    const known = this.#signers.get(name);
    if (known !== undefined && equalBytes(known.bytes, bytes)) return known;
    const key = this.#provider.importPublic('ed25519', bytes);
    this.#signers.set(name, key);
    for (const oldest of this.#signers.keys()) {
      if (this.#signers.size <= this.#capacity) break;
      this.#signers.delete(oldest);
    }
    return key;
  }

  /** Takes over a key that was just made. */
  put(key: PrivateKey, id: Uint8Array = key.publicKey): void {
    this.#add(nameOf(key.kind, id), id, key);
  }

  /** Disposes a key that no record needs any more. */
  forget(kind: KeyKind, id: Uint8Array): void {
    const name = nameOf(kind, id);
    const known = this.#keys.get(name);
    if (known === undefined || !equalBytes(known.id, id)) return;
    known.key[Symbol.dispose]();
    this.#keys.delete(name);
  }

  /** Disposes all keys. The cache stays usable. */
  clear(): void {
    for (const { key } of this.#keys.values()) key[Symbol.dispose]();
    this.#keys.clear();
    this.#sealingKeys.length = 0;
    this.#signers.clear();
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #add(name: string, id: Uint8Array, key: PrivateKey): void {
    const before = this.#keys.get(name);
    if (before !== undefined && before.key !== key) before.key[Symbol.dispose]();
    this.#keys.delete(name);
    this.#keys.set(name, { id: id.slice(), key });
    if (this.#keys.size <= this.#capacity) return;
    for (const [oldest, evicted] of this.#keys) {
      evicted.key[Symbol.dispose]();
      this.#keys.delete(oldest);
      break;
    }
  }
}

/** Eight bytes of an id find it; the whole id is compared. */
function nameOf(kind: KeyKind, id: Uint8Array): string {
  const start = String.fromCharCode(
    at(id, 0),
    at(id, 1),
    at(id, 2),
    at(id, 3),
    at(id, 4),
    at(id, 5),
    at(id, 6),
    at(id, 7),
  );
  return `${kind}:${start}`;
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
