import type { CryptoProvider } from '@sotto/crypto';
import { asciiBytes, toBase32 } from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import type { DeviceCertificate } from './certificate.ts';

const DEVICE = asciiBytes('sotto/v1/device-fingerprint');

/** An AccountId for reading aloud: base32 in 13 groups of four. */
export function accountFingerprint(account: AccountId): string {
  return inGroups(toBase32(account));
}

/** A device's keys for reading aloud: SHA-256 over both, first 20 bytes, base32 in 8 groups of four. */
export function deviceFingerprint(
  crypto: CryptoProvider,
  certificate: Pick<DeviceCertificate, 'ed25519' | 'x25519'>,
): string {
  return inGroups(toBase32(crypto.hash('sha256', DEVICE, certificate.ed25519, certificate.x25519).slice(0, 20)));
}

function inGroups(text: string): string {
  return text.replaceAll(/(.{4})(?=.)/g, '$1 ');
}
