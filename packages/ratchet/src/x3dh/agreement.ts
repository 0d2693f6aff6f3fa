import { Secret } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { concatBytes } from '@sotto/wire';
import { AGREEMENT } from '../labels.ts';

/** X3DH §2.2: F, 32 bytes of 0xFF before the results on X25519. */
const PREFIX = new Uint8Array(32).fill(0xff);
const NO_SALT = new Uint8Array(32);

/** What a session starts from. */
export interface SessionSeed extends Disposable {
  /** SK, 32 bytes. */
  readonly rootKey: Uint8Array;
  /** Header key of the initiator's first sending chain. */
  readonly initiatorHeader: Uint8Array;
  /** Header key of the responder's first sending chain. */
  readonly responderHeader: Uint8Array;
}

/**
 * KDF of X3DH §2.2 and PQXDH §2.2: F ‖ DH1 ‖ DH2 ‖ DH3 [‖ DH4] [‖ SS], with the session's associated data in `info`.
 * Which of the optional parts are there is told by the prekey ids in it. Disposes `secrets`.
 */
export function deriveSeed(provider: CryptoProvider, secrets: readonly Secret[], associated: Uint8Array): SessionSeed {
  const joined = new Uint8Array(new ArrayBuffer(PREFIX.length + 32 * secrets.length));
  joined.set(PREFIX);
  secrets.forEach((secret, index) => joined.set(secret.reveal(), PREFIX.length + 32 * index));
  for (const secret of secrets) secret.dispose();
  using ikm = Secret.take(joined);
  const seed = provider.hkdf('sha256', ikm, NO_SALT, concatBytes(AGREEMENT, associated), 96);
  const bytes = seed.reveal();
  return {
    rootKey: bytes.subarray(0, 32),
    initiatorHeader: bytes.subarray(32, 64),
    responderHeader: bytes.subarray(64),
    [Symbol.dispose]: () => seed.dispose(),
  };
}
