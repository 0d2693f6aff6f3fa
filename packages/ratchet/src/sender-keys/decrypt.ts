import type { CryptoProvider, Secret } from '@sotto/crypto';
import { unpad, WireError } from '@sotto/wire';
import { RatchetError } from '../error.ts';
import type { PairwiseComponents } from '../components.ts';
import { readPeerChain, requireSameChain } from './chain-record.ts';
import { readPeerState, readSkipped, writePeerState, writeSkipped } from './chain-state.ts';
import type { PeerState } from './chain-state.ts';
import type { SenderKeyRecords } from './create.ts';
import { bodyKey, chainStep } from './kdf.ts';
import { END_INDEX, KEY_BYTES, MAX_SKIPPED } from './limits.ts';
import { boundPart, decodeHeader, headerNonce, signedPart, splitMessage } from './message.ts';
import { signerOf } from './signer.ts';
import { isSkipped, trimRuns, withoutIndex } from './skipped-runs.ts';
import type { SkippedRun } from './skipped-runs.ts';

const nothing = new Uint8Array(0);
const MS_PER_HOUR = 3_600_000;

export interface SenderKeyDecryption extends SenderKeyRecords {
  readonly message: Uint8Array;
  /** The same bytes that the sender bound to the message. */
  readonly associated?: Uint8Array;
  /** The skipped record asked for by `need-skipped`; null when there is none. */
  readonly skipped?: Uint8Array | null;
  /** Unix ms */
  readonly now: number;
}

/** A skipped key's record to write or, null, to delete; named by sender, chain and `index`. */
export interface SkippedGroupKey {
  readonly index: number;
  readonly record: Uint8Array | null;
}

export type SenderKeyDecrypted =
  | {
      readonly kind: 'message';
      readonly content: Uint8Array;
      readonly index: number;
      /** SHA-256 of the roster that the sender was sending to: the caller drops the result if it accepts no such one. */
      readonly roster: Uint8Array;
      /** Replaces the state record. */
      readonly state: Uint8Array;
      readonly skipped: readonly SkippedGroupKey[];
      /** Bytes that are secret and, once everything is stored, of no use: overwrite them. */
      readonly wipe: readonly Uint8Array[];
    }
  /** An earlier message; call again with its skipped record. */
  | { readonly kind: 'need-skipped'; readonly index: number }
  /** Decrypted before, or so late that its key was given up. */
  | { readonly kind: 'duplicate'; readonly index: number }
  /** Sent before this device was given the key. */
  | { readonly kind: 'before-joining'; readonly index: number }
  /** Not of this chain. */
  | { readonly kind: 'foreign' };

/**
 * Reads the number of a message, if it is of this chain: a tenth of the work of decrypting. For messages that no
 * expected tag points to. Null says that the message is not of this chain. Throws `RatchetError` `malformed` or
 * `unsupported`.
 */
export function recogniseGroupMessage(
  { provider }: Pick<PairwiseComponents, 'provider'>,
  { record, message }: { readonly record: Uint8Array; readonly message: Uint8Array },
): number | null {
  return openHeader(provider, readPeerChain(record).headerKey, message)?.header.index ?? null;
}

/**
 * Decrypts one message of another sender. A call that throws has changed nothing: `not_authentic` (the signature is not
 * the chain owner's, or something was changed), `too_far` (more than 2,000 messages ahead), `bad_key`, `parameters`, `malformed`,
 * `unsupported`.
 */
export function decryptFromGroup(
  { provider, keys }: Pick<PairwiseComponents, 'provider' | 'keys'>,
  { record, state, message, associated = nothing, skipped, now }: SenderKeyDecryption,
): SenderKeyDecrypted {
  const chain = readPeerChain(record);
  const before = readPeerState(state);
  requireSameChain(chain.chain, before.chain);
  const opened = openHeader(provider, chain.headerKey, message);
  if (opened === null) return { kind: 'foreign' };
  const { header, parts } = opened;
  const { index, roster } = header;

  const late = index < before.next;
  if (late) {
    if (index < chain.firstIndex) return { kind: 'before-joining', index };
    if (!isSkipped(before.skipped, index) || skipped === null) return { kind: 'duplicate', index };
    if (skipped === undefined) return { kind: 'need-skipped', index };
  } else if (index - before.next > MAX_SKIPPED || index >= END_INDEX) {
    throw new RatchetError('too_far', `more than ${MAX_SKIPPED} messages ahead, or behind the last number`);
  }

  const bound = boundPart({ context: chain.context, index, roster, clear: parts.clear, associated });
  const signer = signerOf(keys, chain.signatureKey);
  if (!provider.verify(signer, signedPart(provider, bound, parts.body), header.signature)) {
    throw new RatchetError('not_authentic', 'not signed by the owner of this sender key');
  }
  const open = (messageKey: Uint8Array): Uint8Array => {
    using key = bodyKey(provider, messageKey, parts.salt);
    const [cipherKey, nonce] = [key.reveal().subarray(0, KEY_BYTES), key.reveal().subarray(KEY_BYTES)];
    const padded = provider.open('chacha20-poly1305', cipherKey, nonce, parts.body, bound);
    if (padded === null) throw new RatchetError('not_authentic', 'a group message does not open');
    return unpadContent(padded);
  };

  const nowHours = Math.max(0, Math.floor(now / MS_PER_HOUR));
  if (late && skipped) {
    const stored = readSkipped(skipped);
    requireSameChain(stored.chain, chain.chain);
    if (stored.index !== index) throw new RatchetError('parameters', 'the key of another message');
    const content = open(stored.messageKey);
    const { kept, dropped } = trimRuns(withoutIndex(before.skipped, index), nowHours, MAX_SKIPPED);
    return {
      kind: 'message',
      content,
      index,
      roster: roster.slice(),
      state: writePeerState({ ...before, skipped: kept }),
      skipped: [index, ...dropped].map((gone) => ({ index: gone, record: null })),
      wipe: [state, skipped],
    };
  }

  const ahead = advance(provider, before, index);
  using step = ahead.step;
  let content: Uint8Array;
  try {
    content = open(step.reveal().subarray(0, KEY_BYTES));
  } catch (error) {
    for (const { record: unused } of ahead.skipped) unused.fill(0);
    throw error;
  }
  const { kept, dropped } = trimRuns(before.skipped, nowHours, MAX_SKIPPED - ahead.skipped.length);
  const gap: SkippedRun = { first: before.next, count: ahead.skipped.length, since: nowHours };
  return {
    kind: 'message',
    content,
    index,
    roster: roster.slice(),
    state: writePeerState({
      chain: before.chain,
      next: index + 1,
      chainKey: step.reveal().subarray(KEY_BYTES),
      skipped: gap.count > 0 ? [...kept, gap] : kept,
    }),
    skipped: [...dropped.map((gone) => ({ index: gone, record: null })), ...ahead.skipped],
    wipe: [state],
  };
}

interface Ahead {
  /** Key of the message ‖ chain key of the one after it. */
  readonly step: Secret;
  /** Records of the messages that were jumped over. */
  readonly skipped: readonly { readonly index: number; readonly record: Uint8Array }[];
}

/** Moves the chain to message `index`. */
function advance(provider: CryptoProvider, { chain, next, chainKey }: PeerState, index: number): Ahead {
  const skipped: { index: number; record: Uint8Array }[] = [];
  let step = chainStep(provider, chainKey);
  for (let number = next; number < index; number++) {
    using passed = step;
    skipped.push({ index: number, record: writeSkipped(chain, number, passed.reveal().subarray(0, KEY_BYTES)) });
    step = chainStep(provider, passed.reveal().subarray(KEY_BYTES));
  }
  return { step, skipped };
}

function openHeader(provider: CryptoProvider, headerKey: Uint8Array, message: Uint8Array) {
  const parts = splitMessage(message);
  if (parts === null) return null;
  const opened = provider.open('chacha20-poly1305', headerKey, headerNonce(parts.salt), parts.header, parts.clear);
  return opened === null ? null : { header: decodeHeader(opened), parts };
}

function unpadContent(padded: Uint8Array): Uint8Array {
  try {
    return unpad(padded);
  } catch (cause) {
    if (cause instanceof WireError) throw new RatchetError('malformed', 'wrongly padded', { cause });
    throw cause;
  }
}
