import type { CryptoProvider } from '@sotto/crypto';
import { asciiBytes, concatBytes } from '@sotto/wire';

const NONCE_BYTES = 24;
const NUMBER_BYTES = 8;
const LABEL = asciiBytes('sotto/v1/witness');
export const WITNESS_KEY_BYTES = 32;

export interface WitnessKey {
  readonly provider: CryptoProvider;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** DeviceId. */
  readonly device: Uint8Array;
}

/**
 * A number as it is left at the gateway: nonce (24, random) ‖ XChaCha20-Poly1305 of the number (8, big-endian), the label
 * and the device associated. Different each time, so that of two vaults that were one each leaves another.
 */
export function sealWitness({ provider, key, device }: WitnessKey, number: bigint): Uint8Array {
  const nonce = provider.random(NONCE_BYTES);
  const plain = new Uint8Array(NUMBER_BYTES);
  new DataView(plain.buffer).setBigUint64(0, number);
  const sealed = provider.seal('xchacha20-poly1305', key, nonce, plain, concatBytes(LABEL, device));
  return concatBytes(nonce, sealed);
}

/** Null: not sealed under this key for this device. */
export function openWitness({ provider, key, device }: WitnessKey, witness: Uint8Array): bigint | null {
  if (witness.length <= NONCE_BYTES) return null;
  const nonce = witness.slice(0, NONCE_BYTES);
  const associated = concatBytes(LABEL, device);
  const plain = provider.open('xchacha20-poly1305', key, nonce, witness.subarray(NONCE_BYTES), associated);
  if (plain?.length !== NUMBER_BYTES) return null;
  return new DataView(plain.buffer, plain.byteOffset).getBigUint64(0);
}
