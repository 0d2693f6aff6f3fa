import type { CryptoProvider, PrivateKey } from '@sotto/crypto';
import { asciiBytes, deviceId } from '@sotto/wire';
import type { DeviceId, Signer } from '@sotto/wire';

/** An account's two keys. They sign Genesis and are kept for recovery; devices do the daily work. */
export interface AccountKeys {
  readonly account: PrivateKey<'ed25519'>;
  readonly recovery: PrivateKey<'ed25519'>;
}

/** A device's two long-term keys: signing and key agreement. */
export interface DeviceKeys {
  readonly ed25519: PrivateKey<'ed25519'>;
  readonly x25519: PrivateKey<'x25519'>;
}

const DEVICE_ID = asciiBytes('sotto/v1/device-id');

/** Fresh account and recovery keys. The caller owns and disposes them. */
export function createAccountKeys(crypto: CryptoProvider): AccountKeys {
  return { account: crypto.generate('ed25519'), recovery: crypto.generate('ed25519') };
}

/** Fresh device keys. The caller owns and disposes them. */
export function createDeviceKeys(crypto: CryptoProvider): DeviceKeys {
  return { ed25519: crypto.generate('ed25519'), x25519: crypto.generate('x25519') };
}

/** First 16 bytes of SHA-256("sotto/v1/device-id" ‖ Ed25519 ‖ X25519 public key). */
export function deviceIdOf(crypto: CryptoProvider, ed25519: Uint8Array, x25519: Uint8Array): DeviceId {
  return deviceId(crypto.hash('sha256', DEVICE_ID, ed25519, x25519).slice(0, 16));
}

/** A private key as a signer of wire bytes. */
export function signerOf(crypto: CryptoProvider, key: PrivateKey<'ed25519'>): Signer {
  return { publicKey: key.publicKey, sign: (message) => crypto.sign(key, message) };
}
