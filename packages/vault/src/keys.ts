import type { CryptoProvider, Secret } from '@sotto/crypto';
import { utf8 } from './format/bytes.ts';

/** bytes */
export const VAULT_KEY_SIZE = 32;

/** What each key derived from the vault key is for; nothing is used for two things. */
const USES = ['state', 'history', 'day-keys', 'head', 'elements', 'lookup', 'order'] as const;
type Use = (typeof USES)[number];

/**
 * The vault key and the keys for each purpose, HKDF-Expand(vault key, "sotto/v1/vault/" ‖ use) each. Derived once, held
 * while the vault is open.
 */
export class VaultKeys implements Disposable {
  readonly vaultKey: Secret;
  readonly #keys: ReadonlyMap<Use, Secret>;

  /** Takes the vault key over. */
  constructor(provider: CryptoProvider, vaultKey: Secret) {
    this.vaultKey = vaultKey;
    this.#keys = new Map(
      USES.map((use) => [use, provider.hkdfExpand('sha256', vaultKey, utf8(`sotto/v1/vault/${use}`), VAULT_KEY_SIZE)]),
    );
  }

  /** Bytes for the provider's calls; they die with `dispose`. */
  of(use: Use): Uint8Array {
    const key = this.#keys.get(use);
    if (key === undefined) throw new RangeError('no such key');
    return key.reveal();
  }

  [Symbol.dispose](): void {
    this.vaultKey.dispose();
    for (const key of this.#keys.values()) key.dispose();
  }
}
