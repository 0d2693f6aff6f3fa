import { encodeEnvelope, encodeEnvelopeHeader, pad } from '@sotto/wire';
import type { Envelope, EnvelopeUrgency, MailboxId } from '@sotto/wire';
import type { PairwiseComponents } from './components.ts';
import { upcomingTags } from './double-ratchet/expected-tags.ts';
import { openMessage } from './double-ratchet/open.ts';
import type { OpenedMessage, TagChange, UnreadableMessage } from './double-ratchet/open.ts';
import { MESSAGE_OVERHEAD, sealMessage } from './double-ratchet/seal.ts';
import { dropOldSkipped, readSkipped } from './double-ratchet/skipped.ts';
import type { SkippedChange, SkippedTag } from './double-ratchet/skipped.ts';
import { awaitsAnswer, readSession, suiteOf } from './double-ratchet/state.ts';
import type { SessionState } from './double-ratchet/state.ts';
import { unpadded } from './double-ratchet/unpadded.ts';
import { RatchetError } from './error.ts';
import { sealInitial } from './x3dh/initial.ts';
import type { InitialMessage } from './x3dh/initial.ts';

export interface EncryptRequest {
  /** The session record. It stays as it was. */
  readonly session: Uint8Array;
  /** The opening record of a session that awaits its first answer (`sessionFacts`); else null. */
  readonly opening: Uint8Array | null;
  readonly content: Uint8Array;
  readonly mailbox: MailboxId;
  /** Unix seconds, a full hour. */
  readonly expiresAt: number;
  readonly urgency: EnvelopeUrgency;
}

export type EncryptResult =
  | {
      readonly kind: 'encrypted';
      /** The new session record: store it before the envelope leaves. */
      readonly session: Uint8Array;
      /** Serialised envelope. */
      readonly envelope: Uint8Array;
      /** Bytes that are secret and, once the new record is stored, of no use: overwrite them. */
      readonly wipe: readonly Uint8Array[];
    }
  /** The session has sent 2^32 - 1 messages without an answer: start another one. */
  | { readonly kind: 'exhausted' };

/**
 * Encrypts one content into one envelope. Throws `RatchetError` `malformed`, `unsupported` (records) or `parameters` (an
 * opening record missing), `WireError` `too_large`, `length` or `range` (content, mailbox, expiry).
 */
export function encryptMessage(components: PairwiseComponents, request: EncryptRequest): EncryptResult {
  const { content, mailbox, expiresAt, urgency } = request;
  const state = readSession(request.session);
  const header = encodeEnvelopeHeader({ suite: suiteOf(state), mailbox, expiresAt, urgency });
  const initial = awaitsAnswer(state);
  if (initial && request.opening === null) throw new RatchetError('parameters', 'the opening record is missing');
  // An initial message is padded as a whole.
  const plaintext = initial ? minimallyPadded(content) : pad(content, MESSAGE_OVERHEAD);
  const sealed = sealMessage(components.provider, state, plaintext, header);
  plaintext.fill(0);
  if (sealed === null) return { kind: 'exhausted' };
  const parts = [sealed.head, sealed.body];
  try {
    const envelope =
      request.opening !== null && initial
        ? sealInitial(components, request.opening, mailbox, header, parts)
        : encodeEnvelope(header, ...parts);
    return { kind: 'encrypted', session: sealed.state, envelope, wipe: [request.session] };
  } catch (error) {
    sealed.state.fill(0);
    throw error;
  }
}

function minimallyPadded(content: Uint8Array): Uint8Array {
  const plaintext = new Uint8Array(content.length + 1);
  plaintext.set(content);
  plaintext[content.length] = 0x80;
  return plaintext;
}

export interface DecryptRequest {
  /** The session record. It stays as it was. */
  readonly session: Uint8Array;
  readonly envelope: Envelope;
  /**
   * Records of skipped keys by slot, null where there is none: the one whose tag matched, or those that an earlier
   * result asked for.
   */
  readonly skipped: ReadonlyMap<number, Uint8Array | null>;
  /** Unix ms */
  readonly now: number;
}

export type DecryptResult =
  | {
      readonly kind: 'decrypted';
      readonly content: Uint8Array;
      /** The new session record: store it in one transaction with the content and the skipped records. */
      readonly session: Uint8Array;
      readonly skipped: readonly SkippedChange[];
      readonly tags: TagChange;
      /** True with the first answer: the opening record is of no use any more. */
      readonly answered: boolean;
      /** Bytes that are secret and, once everything is stored, of no use: overwrite them. */
      readonly wipe: readonly Uint8Array[];
    }
  /** Records of these slots are needed; call again with all of them, null where there is none. */
  | { readonly kind: 'need-skipped'; readonly slots: readonly number[] }
  /** Decrypted before, or given up. */
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'unreadable'; readonly reason: UnreadableMessage };

/** Decrypts a message of a session. Throws `RatchetError` `malformed` or `unsupported` for records only. */
export function decryptMessage(components: PairwiseComponents, request: DecryptRequest): DecryptResult {
  return decrypt(components, request, request.envelope.sealed);
}

/** Decrypts a further initial message of a session that exists: `initial.hash` is the session's. */
export function continueInitial(
  components: PairwiseComponents,
  request: DecryptRequest & { readonly initial: InitialMessage },
): DecryptResult {
  return decrypt(components, request, request.initial.message);
}

function decrypt(components: PairwiseComponents, request: DecryptRequest, message: Uint8Array): DecryptResult {
  const state = readSession(request.session);
  if (request.envelope.suite !== suiteOf(state)) return { kind: 'unreadable', reason: 'no-match' };
  const opened = openMessage(components, state, message, request.envelope.header, request.skipped, request.now);
  return opened.kind === 'opened' ? decrypted(state, opened, request) : opened;
}

function decrypted(
  before: SessionState,
  opened: Extract<OpenedMessage, { kind: 'opened' }>,
  { session, skipped }: DecryptRequest,
): DecryptResult {
  const content = unpadded(opened.plaintext);
  if (content === null) {
    opened.state.fill(0);
    for (const { record } of opened.skipped) record?.fill(0);
    return { kind: 'unreadable', reason: 'damaged' };
  }
  const dropped = opened.skipped.map(({ slot, record }) => (record === null ? skipped.get(slot) : null));
  return {
    kind: 'decrypted',
    content,
    session: opened.state,
    skipped: opened.skipped,
    tags: opened.tags,
    answered: awaitsAnswer(before),
    wipe: [session, ...dropped.filter((record) => record instanceof Uint8Array)],
  };
}

/** Tags by which messages of a session are recognised; held in memory only. */
export interface ExpectedTags {
  /** Of messages to come, 8 bytes each. */
  readonly upcoming: readonly Uint8Array[];
  /** Of messages that were skipped. */
  readonly skipped: readonly SkippedTag[];
}

/**
 * The tags of a session, to rebuild the table at unlock. `skipped` holds the records of `sessionFacts(…).skippedSlots`
 * as far as they exist. Throws `RatchetError` `malformed` or `unsupported`.
 */
export function expectedTags(
  { provider }: PairwiseComponents,
  session: Uint8Array,
  skipped: ReadonlyMap<number, Uint8Array | null>,
): ExpectedTags {
  const tags: SkippedTag[] = [];
  for (const [slot, record] of skipped) if (record !== null) tags.push({ slot, tag: readSkipped(record).tag.slice() });
  return { upcoming: upcomingTags(provider, readSession(session)), skipped: tags };
}

/**
 * Deletes skipped keys that are too old; `decryptMessage` does the same in passing, so this is for sessions at rest,
 * about once a day. Null when there is nothing to do. Throws `RatchetError` `malformed` or `unsupported`.
 */
export function expireSkipped(
  session: Uint8Array,
  now: number,
): { readonly session: Uint8Array; readonly skipped: readonly SkippedChange[] } | null {
  const state = readSession(session).slice() as SessionState;
  const skipped = dropOldSkipped(state, now);
  return skipped.length === 0 ? null : { session: state, skipped };
}
