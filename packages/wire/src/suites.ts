import { WireError } from './error.ts';
import { Suite } from './gen/sotto/wire/v1/envelope_pb.ts';

/** The envelope version this code writes and reads. */
export const ENVELOPE_VERSION = 1;
/** The content version this code writes and understands. */
export const CONTENT_VERSION = 1;

/** PQXDH, Double Ratchet with header encryption. */
export const SUITE_PQXDH = Suite.PQXDH_X25519_MLKEM768_CHACHA20POLY1305_SHA256;
/** The same with X3DH, without the post-quantum part. */
export const SUITE_X3DH = Suite.X3DH_X25519_CHACHA20POLY1305_SHA256;

/** A suite this code speaks. */
export type SuiteId = typeof SUITE_PQXDH | typeof SUITE_X3DH;

/**
 * Reserved values (like RFC 8701): never assigned, sent on purpose in tests, and refused as unknown by everyone, so that
 * no implementation can come to ignore the fields that will one day change. 0x0A0A, 0x0A1A … 0xFAFA.
 */
export function isGrease(value: number): boolean {
  return value <= 0xffff && (value & 0x0f0f) === 0x0a0a;
}

/** All 256 reserved values. */
export function greaseValues(): number[] {
  return Array.from({ length: 256 }, (_, i) => ((i & 0xf0) << 8) | 0x0a00 | ((i & 0x0f) << 4) | 0x0a);
}

/** Throws `WireError` `unknown_suite`. */
export function suiteId(value: number): SuiteId {
  if (value === SUITE_PQXDH || value === SUITE_X3DH) return value;
  throw new WireError('unknown_suite', isGrease(value) ? 'a reserved suite' : 'a suite this version does not speak');
}

/** How strong a suite is for comparing with a certificate's minimum; higher is stronger. */
function strength(suite: SuiteId): number {
  return suite === SUITE_PQXDH ? 2 : 1;
}

/** True when `suite` is at least as strong as `minimum`. Suite numbers themselves say nothing about strength. */
export function suiteSatisfies(suite: SuiteId, minimum: SuiteId): boolean {
  return strength(suite) >= strength(minimum);
}

/** Throws `WireError` `unknown_version` for anything but `expected`. */
export function requireVersion(value: number, expected: number): void {
  if (value === expected) return;
  throw new WireError(
    'unknown_version',
    isGrease(value) ? 'a reserved version' : 'a version this program does not speak',
  );
}
