import { CryptoError } from './error.ts';
import type { Argon2Parameters } from './provider.ts';

/** RFC 9106 §3.1, in the order of the checks below; memory is bounded by what a 32-bit count of KiB can say. */
const MAX = 2 ** 32 - 1;
const MAX_LANES = 2 ** 24 - 1;
const MIN_SALT = 8;
const MIN_LENGTH = 4;

/**
 * Throws `parameters` outside RFC 9106 §3.1. Says nothing about what is affordable: whoever reads parameters from
 * untrusted data bounds them first.
 */
export function requireArgon2Parameters(salt: Uint8Array, parameters: Argon2Parameters): void {
  const { lanes, memoryKiB, passes, length } = parameters;
  const allowed =
    within(lanes, 1, MAX_LANES) &&
    within(memoryKiB, 8 * lanes, MAX) &&
    within(passes, 1, MAX) &&
    within(length, MIN_LENGTH, MAX) &&
    salt.length >= MIN_SALT;
  if (!allowed) throw new CryptoError('parameters', 'Argon2 parameters are outside RFC 9106');
}

function within(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
