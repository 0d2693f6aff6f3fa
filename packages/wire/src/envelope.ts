import { WireError } from './error.ts';
import { mailboxId } from './ids.ts';
import type { MailboxId } from './ids.ts';
import { MAX_ENVELOPE_BYTES } from './limits.ts';
import { isBucket } from './padding.ts';
import { ENVELOPE_VERSION, requireVersion, suiteId } from './suites.ts';
import type { SuiteId } from './suites.ts';
import { StrictReader, varintLength, writeVarint } from './varint.ts';

/** How soon the receiving device wants to know: `high` wakes it, `normal` waits for its next connection. */
export type EnvelopeUrgency = 'high' | 'normal';

/** What stands outside the seal and is bound into it. */
export interface EnvelopeFields {
  readonly suite: SuiteId;
  readonly mailbox: MailboxId;
  /** Unix seconds, a full hour (`roundExpiry`). */
  readonly expiresAt: number;
  readonly urgency: EnvelopeUrgency;
}

/** The sealed unit that travels. Byte fields are views of `bytes`, which is what is stored, sent and hashed. */
export interface Envelope extends EnvelopeFields {
  readonly version: typeof ENVELOPE_VERSION;
  /** Tag and ciphertext; exactly one of `SEALED_BUCKETS` long. */
  readonly sealed: Uint8Array;
  /** Serialised fields 1–5, everything before `sealed`: associated data of the seal. */
  readonly header: Uint8Array;
  /** The whole serialised envelope, carried as it is and never serialised again. */
  readonly bytes: Uint8Array;
}

/** Full hours, so that an expiry does not tell envelopes apart. */
export const EXPIRY_STEP_SECONDS = 3600;

/** The year 36812: a bound that keeps arithmetic exact, not a policy. */
const MAX_EXPIRY = 2 ** 40;

/** Rounds Unix seconds up to a full hour. */
export function roundExpiry(unixSeconds: number): number {
  return Math.ceil(unixSeconds / EXPIRY_STEP_SECONDS) * EXPIRY_STEP_SECONDS;
}

// Field tags of sotto.wire.v1.Envelope: number << 3 | wire type.
const VERSION = 0x08;
const SUITE = 0x10;
const MAILBOX = 0x1a;
const EXPIRES_AT = 0x20;
const URGENCY = 0x28;
const SEALED = 0x32;
const MAILBOX_BYTES = 16;

const URGENCY_NUMBER = { high: 1, normal: 2 } as const;

function checkExpiry(expiresAt: number): void {
  const fullHour = Number.isSafeInteger(expiresAt) && expiresAt % EXPIRY_STEP_SECONDS === 0;
  if (!fullHour || expiresAt <= 0 || expiresAt > MAX_EXPIRY) {
    throw new WireError('range', 'the expiry is no full hour or out of range');
  }
}

/** Serialised fields 1–5: what `Envelope.header` will be, needed as associated data before there is a seal. */
export function encodeEnvelopeHeader(fields: EnvelopeFields): Uint8Array {
  const { suite, mailbox, expiresAt } = fields;
  checkExpiry(expiresAt);
  suiteId(suite);
  mailboxId(mailbox);
  const length = 2 + 1 + varintLength(suite) + 2 + MAILBOX_BYTES + 1 + varintLength(expiresAt) + 2;
  const header = new Uint8Array(length);
  header[0] = VERSION;
  header[1] = ENVELOPE_VERSION;
  header[2] = SUITE;
  let at = writeVarint(header, 3, suite);
  header[at] = MAILBOX;
  header[at + 1] = MAILBOX_BYTES;
  header.set(mailbox, at + 2);
  at += 2 + MAILBOX_BYTES;
  header[at] = EXPIRES_AT;
  at = writeVarint(header, at + 1, expiresAt);
  header[at] = URGENCY;
  header[at + 1] = URGENCY_NUMBER[fields.urgency];
  return header;
}

/**
 * The serialised envelope from its header (`encodeEnvelopeHeader`) and the seal made over it; byte-identical to what
 * protobuf would write. `sealed` is the concatenation of the parts. Throws `WireError` `padding` when that is no bucket.
 */
export function encodeEnvelope(header: Uint8Array, ...sealed: readonly Uint8Array[]): Uint8Array {
  let sealedLength = 0;
  for (const part of sealed) sealedLength += part.length;
  if (!isBucket(sealedLength)) throw new WireError('padding', 'the sealed bytes fill no size bucket');
  const bytes = new Uint8Array(header.length + 1 + varintLength(sealedLength) + sealedLength);
  bytes.set(header);
  bytes[header.length] = SEALED;
  let at = writeVarint(bytes, header.length + 1, sealedLength);
  for (const part of sealed) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Reads an envelope strictly: every field, once, in order, in its shortest form, nothing else. Throws `WireError`:
 * `too_large`, `malformed`, `not_canonical`, `unknown_version`, `unknown_suite`, `length`, `range`, `padding`.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > MAX_ENVELOPE_BYTES) throw new WireError('too_large', 'the envelope is larger than 96 KiB');
  const reader = new StrictReader(bytes);
  reader.tag(VERSION);
  requireVersion(reader.varint(), ENVELOPE_VERSION);
  reader.tag(SUITE);
  const suite = suiteId(reader.varint());
  reader.tag(MAILBOX);
  const mailbox = mailboxId(reader.take(reader.varint()));
  reader.tag(EXPIRES_AT);
  const expiresAt = reader.varint();
  checkExpiry(expiresAt);
  reader.tag(URGENCY);
  const urgencyNumber = reader.varint();
  if (urgencyNumber !== 1 && urgencyNumber !== 2) throw new WireError('range', 'an unknown urgency');
  const header = bytes.subarray(0, reader.position);
  reader.tag(SEALED);
  const sealed = reader.take(reader.varint());
  reader.end();
  if (!isBucket(sealed.length)) throw new WireError('padding', 'the sealed bytes fill no size bucket');
  const urgency = urgencyNumber === 1 ? 'high' : 'normal';
  return { version: ENVELOPE_VERSION, suite, mailbox, expiresAt, urgency, sealed, header, bytes };
}
