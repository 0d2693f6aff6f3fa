import type { Argon2Parameters, CryptoProvider } from '@sotto/crypto';
import { Secret } from '@sotto/crypto';
import { VaultError } from '../error.ts';
import { ByteReader, ByteWriter, utf8 } from '../format/bytes.ts';
import { NONCE_SIZE, Sealer } from '../format/sealer.ts';
import { VAULT_KEY_SIZE } from '../keys.ts';
import type { Keystore } from '../vault.ts';

const VERSION = 1;
const SALT_SIZE = 16;
const LABEL = utf8('sotto/v1/vault-passphrase');

/**
 * `standard`: 256 MiB, 3 passes. `low`: 64 MiB, 3 passes (RFC 9106 §4, second recommendation), for devices without the
 * memory. One lane: the unlocking device computes lanes one after the other, an attacker would not.
 */
export type PassphraseCost = 'standard' | 'low';

const COSTS: Readonly<Record<PassphraseCost, Argon2Parameters>> = {
  standard: { memoryKiB: 262_144, passes: 3, lanes: 1, length: VAULT_KEY_SIZE },
  low: { memoryKiB: 65_536, passes: 3, lanes: 1, length: VAULT_KEY_SIZE },
};

/** What a stored wrapping may ask of the reader, so that a doctored one cannot exhaust it. */
const MAX_MEMORY_KIB = 1_048_576;
const MAX_PASSES = 16;
const MAX_LANES = 16;

export interface PassphraseKeystoreOptions {
  readonly provider: CryptoProvider;
  /** Not empty. Texts are taken in Unicode form NFKC, so that every keyboard types the same passphrase. */
  readonly passphrase: string | Secret;
  /** For wrapping only; unwrapping follows what was stored. Default `standard`. */
  readonly cost?: PassphraseCost;
}

/**
 * Wraps the vault key under Argon2id(passphrase). Parameters and salt are stored, authenticated and bounded on read. Holds
 * the passphrase until it is disposed of.
 */
export function passphraseKeystore({ provider, passphrase, cost = 'standard' }: PassphraseKeystoreOptions): Keystore {
  const sealer = new Sealer(provider);
  const secret =
    typeof passphrase === 'string' ? Secret.take(utf8(passphrase.normalize('NFKC'))) : Secret.copy(passphrase.reveal());
  if (secret.length === 0) throw new VaultError('misuse', 'the passphrase is empty');
  let isDisposed = false;
  const held = (): Secret => {
    if (isDisposed) throw new VaultError('misuse', 'the keystore was disposed of');
    return secret;
  };
  return {
    kind: 'passphrase',

    async wrap(vaultKey) {
      const parameters = COSTS[cost];
      const salt = provider.random(SALT_SIZE);
      const header = new ByteWriter()
        .u8(VERSION)
        .u32(parameters.memoryKiB)
        .u32(parameters.passes)
        .u32(parameters.lanes);
      header.raw(salt);
      using key = await provider.argon2id(held(), salt, parameters);
      const nonce = sealer.nonce();
      const sealed = sealer.seal(key.reveal(), nonce, vaultKey.reveal(), associated(header.view()));
      return header.raw(nonce).raw(sealed).copy();
    },

    async unwrap(wrapped) {
      const reader = new ByteReader(wrapped);
      if (reader.u8() > VERSION) {
        throw new VaultError('newer_version', 'the vault key was wrapped by a newer version of this program');
      }
      const parameters = { memoryKiB: reader.u32(), passes: reader.u32(), lanes: reader.u32(), length: VAULT_KEY_SIZE };
      const salt = reader.raw(SALT_SIZE);
      const header = wrapped.subarray(0, wrapped.length - reader.left);
      const nonce = reader.raw(NONCE_SIZE);
      const sealed = reader.raw(reader.left);
      checkBounds(parameters);
      using key = await provider.argon2id(held(), salt, parameters);
      try {
        return Secret.take(sealer.open(key.reveal(), nonce, sealed, associated(header)));
      } catch (cause) {
        if (cause instanceof VaultError)
          throw new VaultError('wrong_passphrase', 'the passphrase does not fit', { cause });
        throw cause;
      }
    },

    dispose() {
      isDisposed = true;
      secret.dispose();
    },
  };
}

function associated(header: Uint8Array): Uint8Array {
  return new ByteWriter().raw(LABEL).raw(header).copy();
}

function checkBounds({ memoryKiB, passes, lanes }: Argon2Parameters): void {
  const sane =
    passes >= 1 &&
    passes <= MAX_PASSES &&
    lanes >= 1 &&
    lanes <= MAX_LANES &&
    memoryKiB >= 8 * lanes &&
    memoryKiB <= MAX_MEMORY_KIB;
  if (!sane) throw new VaultError('damaged', 'the stored cost of the passphrase is out of bounds');
}
