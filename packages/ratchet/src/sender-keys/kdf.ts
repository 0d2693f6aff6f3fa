import type { CryptoProvider, Secret } from '@sotto/crypto';
import { asciiBytes, concatBytes } from '@sotto/wire';
import type { SenderKeyOwner } from './chain-record.ts';
import { KEY_BYTES, VERSION } from './limits.ts';
import { SENDER_KEYS } from './suite.ts';

const CONTEXT = asciiBytes('sotto/v1/sender-key');
const HEADERS = asciiBytes('sotto/v1/sender-key-headers');
const CHAIN = asciiBytes('sotto/v1/sender-key-chain');
const BODY = asciiBytes('sotto/v1/sender-key-body');
const NO_SALT = new Uint8Array(0);

/**
 * Hash of what a chain's messages are bound to. The sender is in it, so that a member who passes another's chain off as
 * their own gives it other header keys and tags, and signatures that do not hold.
 */
export function chainContext(
  provider: CryptoProvider,
  owner: SenderKeyOwner,
  chain: Uint8Array,
  signatureKey: Uint8Array,
): Uint8Array {
  const { group, account, device } = owner;
  const fixed = Uint8Array.of(VERSION, SENDER_KEYS >> 8, SENDER_KEYS & 0xff, group.length);
  return provider.hash('sha256', concatBytes(CONTEXT, fixed, group, account, device, chain, signatureKey));
}

/** 64 bytes: header key ‖ tag key. */
export function headerKeys(provider: CryptoProvider, headerSecret: Uint8Array, context: Uint8Array): Secret {
  return provider.hkdf('sha256', headerSecret, context, HEADERS, 2 * KEY_BYTES);
}

/** 64 bytes: message key ‖ next chain key. */
export function chainStep(provider: CryptoProvider, chainKey: Uint8Array): Secret {
  return provider.hkdf('sha256', chainKey, NO_SALT, CHAIN, 2 * KEY_BYTES);
}

/** 44 bytes: key ‖ nonce of one body. */
export function bodyKey(provider: CryptoProvider, messageKey: Uint8Array, salt: Uint8Array): Secret {
  return provider.hkdf('sha256', messageKey, salt, BODY, KEY_BYTES + 12);
}
