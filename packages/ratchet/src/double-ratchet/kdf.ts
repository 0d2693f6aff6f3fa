import type { CryptoProvider, Secret } from '@sotto/crypto';
import { concatBytes } from '@sotto/wire';
import { BODY, CHAIN, HEADER, ROOT, TAG } from '../labels.ts';

const NO_SALT = new Uint8Array(0);

/** KDF_CK: 64 bytes, message key ‖ next chain key. */
export function chainStep(provider: CryptoProvider, chainKey: Uint8Array): Secret {
  return provider.hkdf('sha256', chainKey, NO_SALT, CHAIN, 64);
}

/** KDF_RK_HE: 96 bytes, next root key ‖ chain key ‖ next header key. */
export function rootStep(provider: CryptoProvider, rootKey: Uint8Array, agreed: Secret): Secret {
  return provider.hkdf('sha256', agreed, rootKey, ROOT, 96);
}

/**
 * Key of one header: 32 bytes. The salt is fresh for every message, so the key is used once; also where a vault was
 * restored or cloned and the same header key meets the same message number again.
 */
export function headerKey(provider: CryptoProvider, chainHeaderKey: Uint8Array, salt: Uint8Array): Secret {
  return provider.hmac('sha256', chainHeaderKey, concatBytes(HEADER, salt));
}

/** Key (32 bytes) ‖ nonce (12 bytes) of one body, salted for the same reason as headers are. */
export function bodyKey(provider: CryptoProvider, messageKey: Uint8Array, salt: Uint8Array): Secret {
  return provider.hkdf('sha256', messageKey, salt, BODY, 44);
}

/** Key of the keystream that tags are cut from: 32 bytes. */
export function tagKey(provider: CryptoProvider, chainHeaderKey: Uint8Array): Secret {
  return provider.hmac('sha256', chainHeaderKey, TAG);
}
