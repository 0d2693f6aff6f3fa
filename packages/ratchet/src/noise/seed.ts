import { Secret } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { asciiBytes } from '@sotto/wire';
import type { SessionSeed } from '../x3dh/agreement.ts';
import { takeChainingKey } from './handshake.ts';
import type { NoiseComplete } from './handshake.ts';

const LABEL = asciiBytes('sotto/v1/noise-dr');

/**
 * What a Double Ratchet starts from after a handshake, in place of the transport that Split would give: HKDF with the
 * handshake hash as salt over chaining key ‖ KEM secret. The hash covers the KEM's key and ciphertext, as they travelled
 * in the handshake's payloads. Uses `complete` up and disposes `kemSecret`. Throws `RatchetError` `wrong_state`.
 */
export function seedFromNoise(provider: CryptoProvider, complete: NoiseComplete, kemSecret: Secret): SessionSeed {
  const salt = complete.handshakeHash;
  using chainingKey = takeChainingKey(complete);
  const joined = new Uint8Array(new ArrayBuffer(chainingKey.length + kemSecret.length));
  joined.set(chainingKey.reveal());
  joined.set(kemSecret.reveal(), chainingKey.length);
  kemSecret.dispose();
  using ikm = Secret.take(joined);
  const seed = provider.hkdf('sha256', ikm, salt, LABEL, 96);
  const bytes = seed.reveal();
  return {
    rootKey: bytes.subarray(0, 32),
    initiatorHeader: bytes.subarray(32, 64),
    responderHeader: bytes.subarray(64),
    [Symbol.dispose]: () => seed.dispose(),
  };
}
