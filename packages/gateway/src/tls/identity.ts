import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { GatewayError } from '../error.ts';
import { readIfThere, writeWhole } from './files.ts';

/** The raw key is the end of its SPKI form (RFC 8410). */
const KEY_BYTES = 32;

/** Reads the gateway's Ed25519 identity key from the data folder, or makes one. Throws `GatewayError` `data`. */
export function loadIdentity(dataFolder: string): KeyObject {
  const path = join(dataFolder, 'identity.key');
  const pem = readIfThere(path);
  if (pem === null) {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeWhole(path, privateKey.export({ format: 'pem', type: 'pkcs8' }));
    return privateKey;
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new GatewayError('data', `${path} holds no private key`, { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new GatewayError('data', `${path} holds no Ed25519 key`);
  return key;
}

/** The public key of a key pair, or the public key itself. */
export function publicHalf(key: KeyObject): KeyObject {
  return key.type === 'public' ? key : createPublicKey(key);
}

/** Public key bytes of an Ed25519 key, 32. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  const spki = publicHalf(key).export({ format: 'der', type: 'spki' });
  return new Uint8Array(spki.subarray(spki.length - KEY_BYTES));
}
