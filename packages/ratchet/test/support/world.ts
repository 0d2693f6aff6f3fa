import { nativeProvider } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { pairwiseComponents } from '@sotto/ratchet';
import { START, testDevice } from './devices.ts';
import { Party } from './party.ts';
import type { TestClock } from './party.ts';

export const native = nativeProvider();

/** Two parties that have not talked yet. */
export function twoParties(provider: CryptoProvider = native): {
  readonly anh: Party;
  readonly binh: Party;
  readonly clock: TestClock;
} {
  const clock = { now: START };
  const party = () => new Party(pairwiseComponents({ provider, cachedKeys: 16 }), testDevice(provider), clock);
  return { anh: party(), binh: party(), clock };
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
