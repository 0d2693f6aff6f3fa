import { nativeProvider } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { portableProvider } from '@sotto/crypto/portable';
import { seededProvider } from '@sotto/crypto/simulation';

export const native = nativeProvider();
export const portable = portableProvider({ random: (length) => native.random(length) });
export const seeded = seededProvider(new TextEncoder().encode('provider suite'));

/** Every provider passes the same suite. */
export const providers: readonly CryptoProvider[] = [native, portable, seeded];

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export const NOTHING = new Uint8Array(0);
