import { asciiBytes, concatBytes } from './bytes.ts';
import type { Sha256 } from './derived-ids.ts';
import { WireError } from './error.ts';
import { deviceId } from './ids.ts';

const LOGIN = asciiBytes('sotto/v1/login');
const CAPABILITY = asciiBytes('sotto/v1/capability');
const BLOB = asciiBytes('sotto/v1/blob');
const BLOB_OWNER = asciiBytes('sotto/v1/blob-owner');

/** Bytes of the gateway's identity key, of a channel binding, of a nonce and of a capability's secret. */
const LENGTH = 32;

/** Label of the TLS exporter (RFC 8446 §7.5, no context, 32 bytes) whose value binds a login to its connection. */
export const LOGIN_EXPORTER_LABEL = 'EXPORTER-sotto-v1-login';

/** What a device signs to log in at a gateway (sotto.gateway.v1.DeviceProof). */
export interface LoginFacts {
  /** The gateway's Ed25519 identity key, 32 bytes. */
  readonly gatewayIdentity: Uint8Array;
  /** TLS exporter under `LOGIN_EXPORTER_LABEL`, 32 bytes; null: the token works on any connection. */
  readonly channelBinding: Uint8Array | null;
  /** DeviceId, 16 bytes. */
  readonly device: Uint8Array;
  /** From the gateway, 32 bytes. */
  readonly nonce: Uint8Array;
}

/**
 * "sotto/v1/login" ‖ gateway identity ‖ channel binding or nothing ‖ device ‖ nonce. The two forms differ in length, so
 * neither reads as the other. Throws `WireError` `length`.
 */
export function loginMessage(challenge: LoginFacts): Uint8Array {
  const { gatewayIdentity, channelBinding, device, nonce } = challenge;
  for (const part of [gatewayIdentity, channelBinding, nonce]) {
    if (part !== null && part.length !== LENGTH) throw new WireError('length', 'a part of a login has 32 bytes');
  }
  return concatBytes(LOGIN, gatewayIdentity, channelBinding ?? new Uint8Array(0), deviceId(device), nonce);
}

/**
 * What a gateway keeps of a capability: SHA-256("sotto/v1/capability" ‖ secret). `secret` has 32 bytes. Throws
 * `WireError` `length`.
 */
export function capabilityHashOf(secret: Uint8Array, sha256: Sha256): Uint8Array {
  if (secret.length !== LENGTH) throw new WireError('length', 'a capability has 32 bytes');
  return sha256(CAPABILITY, secret);
}

/**
 * What a blob is called at its gateway: SHA-256("sotto/v1/blob" ‖ secret that fetches it). `secret` has 32 bytes. Throws
 * `WireError` `length`.
 */
export function blobIdOf(secret: Uint8Array, sha256: Sha256): Uint8Array {
  if (secret.length !== LENGTH) throw new WireError('length', 'the secret of a blob has 32 bytes');
  return sha256(BLOB, secret);
}

/**
 * What a gateway keeps of the right to write and remove a blob: SHA-256("sotto/v1/blob-owner" ‖ secret). `secret` has 32
 * bytes. Throws `WireError` `length`.
 */
export function blobOwnerOf(secret: Uint8Array, sha256: Sha256): Uint8Array {
  if (secret.length !== LENGTH) throw new WireError('length', 'the secret of a blob has 32 bytes');
  return sha256(BLOB_OWNER, secret);
}
