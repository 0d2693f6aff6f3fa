import { CryptoError } from '@sotto/crypto';
import type { PublicKey } from '@sotto/crypto';
import { RatchetError } from '../error.ts';
import type { KeyCache } from '../key-cache.ts';

/** The key that a chain's messages are signed with. Throws `RatchetError` `bad_key` for bytes that are none. */
export function signerOf(keys: KeyCache, signatureKey: Uint8Array): PublicKey<'ed25519'> {
  try {
    return keys.signer(signatureKey);
  } catch (cause) {
    if (cause instanceof CryptoError) throw new RatchetError('bad_key', 'not a usable signature key', { cause });
    throw cause;
  }
}
