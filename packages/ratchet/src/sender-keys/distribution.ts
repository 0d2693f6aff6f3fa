import { create, toBinary } from '@bufbuild/protobuf';
import { equalBytes, SenderKeyDistributionSchema } from '@sotto/wire';
import type { SenderKeyDistribution } from '@sotto/wire';
import { RatchetError } from '../error.ts';
import type { PairwiseComponents } from '../components.ts';
import { parseStrict } from '../protobuf.ts';
import { readOwnChain, readPeerChain, requireOwner, requireSameChain, writeChain } from './chain-record.ts';
import type { Chain, SenderKeyOwner } from './chain-record.ts';
import { readOwnState, writePeerState } from './chain-state.ts';
import type { SenderKeyRecords } from './create.ts';
import { chainContext, headerKeys } from './kdf.ts';
import { CHAIN_BYTES, END_INDEX, KEY_BYTES, VERSION } from './limits.ts';
import { signerOf } from './signer.ts';
import { SENDER_KEYS } from './suite.ts';

/**
 * A serialised `SenderKeyDistribution` that lets its receiver read from the next message on, and nothing before. To be
 * sent over pairwise sessions to every device of the roster, and to nobody else.
 * Throws `RatchetError`: `parameters`, `malformed` or `unsupported`.
 *
 * @param roster SHA-256 of the roster, 32 bytes
 */
export function distributeSenderKey({
  record,
  state,
  roster,
}: SenderKeyRecords & { readonly roster: Uint8Array }): Uint8Array {
  const chain = readOwnChain(record);
  const { chain: name, next, chainKey } = readOwnState(state);
  requireSameChain(chain.chain, name);
  requireRoster(roster);
  return toBinary(
    SenderKeyDistributionSchema,
    create(SenderKeyDistributionSchema, {
      version: VERSION,
      suite: SENDER_KEYS,
      group: chain.group,
      chain: name,
      index: next,
      chainKey,
      headerKey: chain.headerSecret,
      signatureKey: chain.signatureKey,
      roster,
    }),
  );
}

/** A parsed distribution. Only `parseSenderKeyDistribution` makes one; lengths, version and suite are checked. */
export type ReceivedSenderKey = Pick<SenderKeyDistribution, 'group' | 'chain' | 'index' | 'roster'> & {
  readonly keys: Pick<SenderKeyDistribution, 'chainKey' | 'headerKey' | 'signatureKey'>;
};

/**
 * Parses what a pairwise session brought. `group` and `roster` are the sender's claim: whether the sender is a member
 * and the roster is right is for the caller to judge. Throws `RatchetError` `malformed` or `unsupported`.
 */
export function parseSenderKeyDistribution(bytes: Uint8Array): ReceivedSenderKey {
  const message = parseStrict(SenderKeyDistributionSchema, bytes);
  if (message.version !== VERSION || message.suite !== SENDER_KEYS) {
    throw new RatchetError('unsupported', 'a sender key of a version or suite this program does not speak');
  }
  const { group, chain, index, roster, chainKey, headerKey, signatureKey } = message;
  const rightLengths =
    chain.length === CHAIN_BYTES &&
    [chainKey, headerKey, signatureKey, roster].every((key) => key.length === KEY_BYTES);
  if (!rightLengths) throw new RatchetError('malformed', 'a sender key with fields of wrong lengths');
  if (index >= END_INDEX) throw new RatchetError('malformed', 'a sender key without a number left');
  return { group, chain, index, roster, keys: { chainKey, headerKey, signatureKey } };
}

/** `known`: this device has the chain already, and keeps what it has. */
export type AcceptedSenderKey = ({ readonly kind: 'new' } & SenderKeyRecords) | { readonly kind: 'known' };

/**
 * Makes the records by which another device's messages can be read. Throws `RatchetError`: `parameters`, `bad_key` (no
 * usable signature key), `conflict` (the sender gives other keys for a chain of the same name).
 *
 * @param sender who the pairwise session says it is from, and the group the caller expects
 * @param known the record this device has for that sender and chain, or null
 * @param now Unix ms
 */
export function acceptSenderKey(
  { provider, keys }: Pick<PairwiseComponents, 'provider' | 'keys'>,
  {
    received,
    sender,
    known,
    now,
  }: {
    readonly received: ReceivedSenderKey;
    readonly sender: SenderKeyOwner;
    readonly known: Uint8Array | null;
    readonly now: number;
  },
): AcceptedSenderKey {
  requireOwner(sender);
  if (!equalBytes(sender.group, received.group)) throw new RatchetError('parameters', 'a sender key for another group');
  const { chainKey, headerKey: headerSecret, signatureKey } = received.keys;
  signerOf(keys, signatureKey);
  const { chain: name, index } = received;
  const context = chainContext(provider, sender, name, signatureKey);
  using derived = headerKeys(provider, headerSecret, context);
  const [headerKey, tagKey] = [derived.reveal().subarray(0, KEY_BYTES), derived.reveal().subarray(KEY_BYTES)];
  if (known !== null) {
    const before = readPeerChain(known);
    if (!provider.equal(before.context, context) || !provider.equal(before.headerKey, headerKey)) {
      throw new RatchetError('conflict', 'a sender key that contradicts the known one of the same name');
    }
    return { kind: 'known' };
  }
  const chain: Chain = {
    ...sender,
    chain: name,
    createdAt: now,
    firstIndex: index,
    context,
    headerKey,
    tagKey,
    signatureKey,
  };
  return {
    kind: 'new',
    record: writeChain(chain),
    state: writePeerState({ chain: name, next: index, chainKey, skipped: [] }),
  };
}

/** Throws `RatchetError` `parameters` unless it has the 32 bytes of a hash. */
export function requireRoster(roster: Uint8Array): void {
  if (roster.length !== KEY_BYTES) throw new RatchetError('parameters', 'a roster hash has 32 bytes');
}
