import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { mailboxId, SEALED_BUCKETS, SUITE_PQXDH, SUITE_X3DH, WireError } from '@sotto/wire';
import type { EnvelopeFields } from '@sotto/wire';

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** Code of the WireError that `call` throws; null if it throws none; other errors pass. */
export function codeOf(call: () => unknown): string | null {
  try {
    call();
    return null;
  } catch (error) {
    if (error instanceof WireError) return error.code;
    throw error;
  }
}

export const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

export const envelopeFields: fc.Arbitrary<EnvelopeFields> = fc.record({
  suite: fc.constantFrom(SUITE_PQXDH, SUITE_X3DH),
  mailbox: bytesOf(16).map(mailboxId),
  expiresAt: fc.integer({ min: 1, max: Math.floor(2 ** 40 / 3600) }).map((hours) => hours * 3600),
  urgency: fc.constantFrom('high' as const, 'normal' as const),
});

/** Lengths of the smaller buckets: what is true of them is true of the larger, which only take longer. */
export const bucketLength = fc.constantFrom(...SEALED_BUCKETS.slice(0, 3));
