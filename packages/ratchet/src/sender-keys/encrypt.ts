import { pad, WireError } from '@sotto/wire';
import { TAG_BLOCK, TAG_BYTES } from '../double-ratchet/state.ts';
import { RatchetError } from '../error.ts';
import type { PairwiseComponents } from '../components.ts';
import { readOwnChain, requireSameChain } from './chain-record.ts';
import { readOwnState, writeOwnState } from './chain-state.ts';
import { tagBlock } from './create.ts';
import type { SenderKeyRecords } from './create.ts';
import { requireRoster } from './distribution.ts';
import { bodyKey, chainStep } from './kdf.ts';
import { END_INDEX, KEY_BYTES, SALT_BYTES } from './limits.ts';
import { boundPart, encodeHeader, headerNonce, SENDER_KEY_OVERHEAD, signedPart } from './message.ts';

const nothing = new Uint8Array(0);

export interface SenderKeyEncryption extends SenderKeyRecords {
  /** SHA-256 of the roster as the sender sees it now, 32 bytes; the receiver learns it. */
  readonly roster: Uint8Array;
  /** At most what an envelope carries; padded here. */
  readonly content: Uint8Array;
  /** Bound to the message without being sent: the receiver must have the same bytes. */
  readonly associated?: Uint8Array;
}

export interface SenderKeyEncrypted {
  /** Replaces the state record, in the transaction that stores the message, before the message leaves. */
  readonly state: Uint8Array;
  /** tag ‖ salt ‖ sealed header ‖ sealed body; fills a size bucket of the wire format. */
  readonly message: Uint8Array;
  readonly index: number;
  /** Bytes that are secret and, once the new state is stored, of no use: overwrite them. */
  readonly wipe: readonly Uint8Array[];
}

/**
 * Encrypts and signs one content for the group. Throws `RatchetError`: `too_long`, `exhausted`, `parameters`,
 * `malformed` or `unsupported`.
 */
export function encryptForGroup(
  { provider, keys }: PairwiseComponents,
  { record, state, roster, content, associated = nothing }: SenderKeyEncryption,
): SenderKeyEncrypted {
  const chain = readOwnChain(record);
  const before = readOwnState(state);
  requireSameChain(chain.chain, before.chain);
  requireRoster(roster);
  const index = before.next;
  if (index >= END_INDEX) throw new RatchetError('exhausted', 'this sender key has no numbers left');
  const padded = padContent(content);

  const clear = new Uint8Array(TAG_BYTES + SALT_BYTES);
  const tagAt = (index % TAG_BLOCK) * TAG_BYTES;
  clear.set(before.tags.subarray(tagAt, tagAt + TAG_BYTES));
  const salt = clear.subarray(TAG_BYTES);
  salt.set(provider.random(SALT_BYTES));

  using step = chainStep(provider, before.chainKey);
  const messageKey = step.reveal().subarray(0, KEY_BYTES);
  using sealing = bodyKey(provider, messageKey, salt);
  const [key, nonce] = [sealing.reveal().subarray(0, KEY_BYTES), sealing.reveal().subarray(KEY_BYTES)];
  const bound = boundPart({ context: chain.context, index, roster, clear, associated });
  const body = provider.seal('chacha20-poly1305', key, nonce, padded, bound);
  const signer = keys.get('ed25519', chain.signatureKey, chain.seed);
  const signature = provider.sign(signer, signedPart(provider, bound, body));
  const header = provider.seal(
    'chacha20-poly1305',
    chain.headerKey,
    headerNonce(salt),
    encodeHeader({ index, roster, signature }),
    clear,
  );
  padded.fill(0);

  const message = new Uint8Array(clear.length + header.length + body.length);
  message.set(clear);
  message.set(header, clear.length);
  message.set(body, clear.length + header.length);
  const next = index + 1;
  return {
    state: writeOwnState({
      chain: before.chain,
      next,
      chainKey: step.reveal().subarray(KEY_BYTES),
      tags: next % TAG_BLOCK === 0 ? tagBlock(provider, chain.tagKey, next) : before.tags,
    }),
    message,
    index,
    wipe: [state],
  };
}

function padContent(content: Uint8Array): Uint8Array {
  try {
    return pad(content, SENDER_KEY_OVERHEAD);
  } catch (cause) {
    if (cause instanceof WireError) throw new RatchetError('too_long', 'more than an envelope can carry', { cause });
    throw cause;
  }
}
