import { bech32m } from '@scure/base';
import type { CryptoProvider } from '@sotto/crypto';
import { asciiBytes, compareBytes, concatBytes, equalBytes } from '@sotto/wire';
import { IdentityError } from './error.ts';
import type { ChainState } from './view.ts';

/** What two people read to each other or scan to know that nobody stands between them. */
export interface SafetyNumber {
  /** 60 digits in 12 groups of 5, the same on both sides. */
  readonly text: string;
  /** What to show as a QR code; the other side passes what it scanned to `checkSafetyCode`. */
  readonly code: string;
  /** What the other side's code must say. */
  readonly expected: string;
}

const LABEL = asciiBytes('sotto/v1/safety-number');
const VERSION = 1;
/** SHA-512 steps: each guess at a colliding key costs this much more (the count of Signal's numeric fingerprint). */
const ITERATIONS = 5200;
/** 6 groups of 5 digits from 5 bytes each. */
const FINGERPRINT_BYTES = 30;
const PREFIX = 'sotto:verify/';

/**
 * The safety number of two accounts. Each side's half is SHA-512 iterated 5,200 times over a label, its AccountId (which
 * commits to its Genesis) and its account key, cut to 30 bytes and written as six numbers below 100,000; the smaller half
 * comes first. It changes when an account key does, not with every device: those are certified by the chain, whose
 * head is pinned. Takes some 10 ms.
 */
export function safetyNumber(
  crypto: CryptoProvider,
  own: Pick<ChainState, 'account' | 'accountKey'>,
  other: Pick<ChainState, 'account' | 'accountKey'>,
): SafetyNumber {
  const ownHalf = half(crypto, own);
  const otherHalf = half(crypto, other);
  const [first, second] = compareBytes(ownHalf, otherHalf) <= 0 ? [ownHalf, otherHalf] : [otherHalf, ownHalf];
  return {
    text: [...groups(first), ...groups(second)].join(' '),
    code: encodeCode(ownHalf, otherHalf),
    expected: encodeCode(otherHalf, ownHalf),
  };
}

/**
 * Compares a scanned code with one's own number. `mismatch`: the code is well-formed and about other keys. Throws
 * `IdentityError` `malformed` for what is no safety code, `unknown_version` for one of a newer program.
 */
export function checkSafetyCode(crypto: CryptoProvider, number: SafetyNumber, scanned: string): 'match' | 'mismatch' {
  return crypto.equal(decodeCode(scanned), decodeCode(number.expected)) ? 'match' : 'mismatch';
}

function half(crypto: CryptoProvider, side: Pick<ChainState, 'account' | 'accountKey'>): Uint8Array {
  const identity = concatBytes(LABEL, Uint8Array.of(VERSION), side.account, side.accountKey);
  let digest = crypto.hash('sha512', identity);
  for (let i = 1; i < ITERATIONS; i++) digest = crypto.hash('sha512', digest, identity);
  return digest.slice(0, FINGERPRINT_BYTES);
}

function groups(bytes: Uint8Array): string[] {
  return Array.from({ length: FINGERPRINT_BYTES / 5 }, (_, group) => {
    let value = 0;
    for (const byte of bytes.subarray(group * 5, group * 5 + 5)) value = value * 256 + byte;
    return String(value % 100_000).padStart(5, '0');
  });
}

function encodeCode(shower: Uint8Array, scanner: Uint8Array): string {
  const words = bech32m.toWords(concatBytes(Uint8Array.of(VERSION), shower, scanner));
  return bech32m.encode('verify', words, false).replace('verify1', PREFIX);
}

function decodeCode(text: string): Uint8Array {
  const lower = text.toLowerCase();
  if (lower.length > 256 || !lower.startsWith(PREFIX)) throw new IdentityError('malformed', 'not a safety code');
  let payload: Uint8Array;
  try {
    payload = bech32m.fromWords(bech32m.decode(`verify1${lower.slice(PREFIX.length)}`, false).words);
  } catch (cause) {
    throw new IdentityError('malformed', 'not a safety code', { cause });
  }
  if (!equalBytes(payload.subarray(0, 1), Uint8Array.of(VERSION))) {
    throw new IdentityError('unknown_version', 'a safety code of a newer program');
  }
  if (payload.length !== 1 + 2 * FINGERPRINT_BYTES) throw new IdentityError('malformed', 'not a safety code');
  return payload;
}
