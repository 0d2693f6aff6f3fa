import { readAnyChain, requireSameChain } from './chain-record.ts';
import type { SenderKeyOwner } from './chain-record.ts';
import { readAnyState } from './chain-state.ts';
import type { SenderKeyRecords } from './create.ts';
import { skippedIndexes } from './skipped-runs.ts';

/** What is no secret about a sender key. */
export interface SenderKeyFacts {
  readonly kind: 'own' | 'peer';
  readonly owner: SenderKeyOwner;
  /** The chain's random name, 16 bytes. */
  readonly chain: Uint8Array;
  /** Unix ms by the own clock: made or received. */
  readonly createdAt: number;
  /** Number of the next message. */
  readonly next: number;
  /** Messages whose skipped records exist, ascending; the records go when the sender key goes. */
  readonly skipped: readonly number[];
}

/** Throws `RatchetError`: `parameters`, `malformed` or `unsupported`. */
export function senderKeyFacts({ record, state }: SenderKeyRecords): SenderKeyFacts {
  const { kind, group, account, device, chain, createdAt } = readAnyChain(record);
  const { chain: name, next, skipped } = readAnyState(kind, state);
  requireSameChain(chain, name);
  return {
    kind,
    owner: { group: group.slice(), account: account.slice(), device: device.slice() },
    chain: chain.slice(),
    createdAt,
    next,
    skipped: skippedIndexes(skipped),
  };
}
