import { nativeProvider } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import {
  acceptSenderKey,
  createSenderKey,
  decryptFromGroup,
  distributeSenderKey,
  encryptForGroup,
  pairwiseComponents,
  parseSenderKeyDistribution,
} from '@sotto/ratchet';
import type { PairwiseComponents, SenderKeyDecrypted, SenderKeyOwner, SenderKeyRecords } from '@sotto/ratchet';

export const NOW = 1_800_000_000_000;
export const HOUR = 3_600_000;

export function components(provider: CryptoProvider = nativeProvider()): PairwiseComponents {
  return pairwiseComponents({ provider, cachedKeys: 64 });
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** One sender, and what one receiver has of its key. */
export interface Channel {
  readonly owner: SenderKeyOwner;
  readonly roster: Uint8Array;
  own: SenderKeyRecords;
  peer: SenderKeyRecords;
  readonly skipped: Map<number, Uint8Array>;
}

export function ownerOf(provider: CryptoProvider, group = provider.random(32)): SenderKeyOwner {
  return { group, account: provider.random(32), device: provider.random(16) };
}

export function channel(on: PairwiseComponents): Channel {
  const owner = ownerOf(on.provider);
  const roster = on.provider.random(32);
  const own = createSenderKey(on, { owner, now: NOW });
  return { owner, roster, own, peer: join(on, own, owner, roster), skipped: new Map() };
}

/** What a device that is given the key now has. */
export function join(
  on: PairwiseComponents,
  own: SenderKeyRecords,
  sender: SenderKeyOwner,
  roster: Uint8Array,
): SenderKeyRecords {
  const received = parseSenderKeyDistribution(distributeSenderKey({ ...own, roster }));
  const accepted = acceptSenderKey(on, { received, sender, known: null, now: NOW });
  if (accepted.kind !== 'new') throw new Error('known before');
  return { record: accepted.record, state: accepted.state };
}

/** Sends and moves the sender on. */
export function send(on: PairwiseComponents, from: Channel, content: string, associated?: Uint8Array): Uint8Array {
  const { state, message } = encryptForGroup(on, {
    ...from.own,
    roster: from.roster,
    content: text(content),
    ...(associated === undefined ? {} : { associated }),
  });
  from.own = { ...from.own, state };
  return message;
}

/** Decrypts as an engine does: fetches the skipped record when asked, then stores what changed. */
export function receive(
  on: Pick<PairwiseComponents, 'provider' | 'keys'>,
  at: Pick<Channel, 'peer' | 'skipped'>,
  message: Uint8Array,
  { associated, now = NOW }: { readonly associated?: Uint8Array; readonly now?: number } = {},
): SenderKeyDecrypted {
  const request = { ...at.peer, message, now, ...(associated === undefined ? {} : { associated }) };
  let result = decryptFromGroup(on, request);
  if (result.kind === 'need-skipped') {
    result = decryptFromGroup(on, { ...request, skipped: at.skipped.get(result.index) ?? null });
  }
  if (result.kind !== 'message') return result;
  at.peer = { ...at.peer, state: result.state };
  for (const { index, record } of result.skipped) {
    if (record === null) at.skipped.delete(index);
    else at.skipped.set(index, record);
  }
  return result;
}

/** The text, or the kind of result that is none. */
export function textOf(result: SenderKeyDecrypted): string {
  return result.kind === 'message' ? new TextDecoder().decode(result.content) : `(${result.kind})`;
}
