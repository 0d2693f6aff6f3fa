import type { CryptoProvider, KeyKind, PrivateKey } from '@sotto/crypto';
import { RatchetError } from './error.ts';

/** One call may hold this many keys at once; with fewer places it could evict a key it is using. */
const LEAST_CAPACITY = 16;

/**
 * Imported private keys, the least recently used evicted. Importing an X25519 key costs as much as a Diffie-Hellman,
 * so a session that is in use keeps its ratchet key here between calls. Losing the cache loses nothing: every key is in
 * a record too. Keys are found by their public half, so no secret becomes a map key. Clear it when the vault locks.
 */
export class KeyCache implements Disposable {
  readonly #provider: CryptoProvider;
  readonly #capacity: number;
  readonly #keys = new Map<string, PrivateKey>();

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
    if (known !== undefined) {
      this.#keys.delete(name);
      this.#keys.set(name, known);
      return known as PrivateKey<Kind>;
    }
    const key = this.#provider.importPrivate(kind, bytes);
    this.#add(name, key);
    return key;
  }

  /** Takes over a key that was just made. */
  put(key: PrivateKey, id: Uint8Array = key.publicKey): void {
    this.#add(nameOf(key.kind, id), key);
  }

  /** Disposes a key that no record needs any more. */
  forget(kind: KeyKind, id: Uint8Array): void {
    const name = nameOf(kind, id);
    this.#keys.get(name)?.[Symbol.dispose]();
    this.#keys.delete(name);
  }

  /** Disposes all keys. The cache stays usable. */
  clear(): void {
    for (const key of this.#keys.values()) key[Symbol.dispose]();
    this.#keys.clear();
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #add(name: string, key: PrivateKey): void {
    const before = this.#keys.get(name);
    if (before !== undefined && before !== key) before[Symbol.dispose]();
    this.#keys.delete(name);
    this.#keys.set(name, key);
    if (this.#keys.size <= this.#capacity) return;
    for (const [oldest, evicted] of this.#keys) {
      evicted[Symbol.dispose]();
      this.#keys.delete(oldest);
      break;
    }
  }
}

function nameOf(kind: KeyKind, id: Uint8Array): string {
  return `${kind}:${String.fromCharCode(...id)}`;
}
