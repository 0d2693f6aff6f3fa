import type { CryptoProvider } from '@sotto/crypto';
import { capabilityHashOf, decodeEnvelope, envelopeIdOf, ID_BYTES, Refusal } from '@sotto/wire';
import type { Admission as AdmissionMessage, PostRequest } from '@sotto/wire';
import type { Post } from '../ports/mailboxes.ts';
import type { Admission } from '../ports/types.ts';
import { malformed, Refused } from '../refused.ts';
import type { ServiceParts } from './parts.ts';

const HOUR_SECONDS = 3600;
const HASH_BYTES = 32;

/** Throws `Refused` `MALFORMED`. */
export function readId(kind: keyof typeof ID_BYTES, bytes: Uint8Array): Uint8Array {
  if (bytes.length !== ID_BYTES[kind]) throw malformed(`${kind} has ${ID_BYTES[kind]} bytes`);
  return bytes;
}

/** Throws `Refused` `MALFORMED`. */
export function readHash(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== HASH_BYTES) throw malformed('a hash has 32 bytes');
  return bytes;
}

/** Throws `Refused` `MALFORMED`, also beyond 2^53. */
export function readNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw malformed('a number is out of range');
  return number;
}

function sha256(provider: CryptoProvider) {
  return (...parts: readonly Uint8Array[]): Uint8Array => provider.hash('sha256', ...parts);
}

/** Throws `Refused` `MALFORMED`, `UNAUTHENTICATED`, or `WireError`. */
export function readAdmission(
  parts: Pick<ServiceParts, 'provider' | 'requestTokens'>,
  admission: AdmissionMessage | undefined,
): Admission {
  switch (admission?.kind.case) {
    case 'capability':
      return { kind: 'capability', hash: capabilityHashOf(admission.kind.value, sha256(parts.provider)) };
    case 'requestToken': {
      const claims = parts.requestTokens.read(admission.kind.value);
      if (claims === null) throw new Refused(Refusal.UNAUTHENTICATED, 'the request token is not valid');
      return { kind: 'request-token', ...claims };
    }
    case undefined:
      throw malformed('the admission is missing');
  }
}

/** All checks of a post that need no storage. Throws `Refused` or `WireError`. */
export function readPost(
  parts: Pick<ServiceParts, 'provider' | 'requestTokens' | 'clock' | 'limits'>,
  request: PostRequest | undefined,
): Post {
  if (request === undefined) throw malformed('the post is missing');
  const envelope = decodeEnvelope(request.envelope);
  const now = Math.floor(parts.clock.now() / 1000);
  const { expiresAt, mailbox } = envelope;
  if (expiresAt <= now) throw new Refused(Refusal.EXPIRED, 'the envelope has expired');
  if (expiresAt > now + parts.limits.retentionSeconds + HOUR_SECONDS) {
    throw new Refused(Refusal.EXPIRED, 'the envelope expires later than this gateway keeps messages');
  }
  return {
    mailbox,
    envelope: request.envelope,
    id: envelopeIdOf(envelope, sha256(parts.provider)),
    expiresAt,
    admission: readAdmission(parts, request.admission),
  };
}
