import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { CryptoProvider } from '@sotto/crypto';

/** Whether an Ed25519 signature (64 bytes) of a public key (32 bytes) holds. */
export type VerifySignature = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean | Promise<boolean>;

/** Keys kept ready; about 1 KiB each, and importing one costs a tenth of a verification. */
const KEYS = 4096;

/**
 * Verifies on the thread pool, so that signatures of entries cost the gateway's one thread a third of their time. The
 * provider sees a key first: it knows which keys bind no message, and those never get further.
 */
export function verifyOnThreads(provider: CryptoProvider): VerifySignature {
  const ready = new Map<string, KeyObject>();
  return (publicKey, message, signature) => {
    const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('base64url');
    const key = ready.get(name);
    if (key === undefined) {
      const holds = provider.verify(publicKey, message, signature);
      if (!holds) return false;
      if (ready.size >= KEYS) ready.clear();
      ready.set(name, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: name }, format: 'jwk' }));
      return true;
    }
    return new Promise((resolve, reject) => {
      verify(null, message, key, signature, (error, holds) => {
        if (error === null) resolve(holds);
        else reject(error);
      });
    });
  };
}
