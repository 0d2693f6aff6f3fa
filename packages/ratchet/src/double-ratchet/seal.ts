import type { CryptoProvider } from '@sotto/crypto';
import { bodyKey, chainStep, headerKey } from './kdf.ts';
import { encodeHeader, HEADER_BYTES } from './header.ts';
import { AT, counterAt, keyAt, setCounter, TAG_BLOCK, TAG_BYTES } from './state.ts';
import type { SessionState } from './state.ts';
import { tagRange } from './tags.ts';

/** AEAD tags, bytes. */
const AEAD = 16;
export const SALT_BYTES = 16;
const SEALED_HEADER_BYTES = HEADER_BYTES + AEAD;
/** tag ‖ salt ‖ sealed header. */
export const HEAD_BYTES = TAG_BYTES + SALT_BYTES + SEALED_HEADER_BYTES;
/** What sealing adds to a padded plaintext, bytes. */
export const MESSAGE_OVERHEAD = HEAD_BYTES + AEAD;
const ASSOCIATED_BYTES = 32;
/** The last message number of a chain; the next one would not fit its field. */
const LAST_NUMBER = 0xffff_fffe;

/** A sealed message in two parts, to be written one after the other. */
export interface SealedMessage {
  readonly state: SessionState;
  /** tag ‖ salt ‖ sealed header. */
  readonly head: Uint8Array;
  readonly body: Uint8Array;
}

/**
 * Associated data of header and body, all in one array: session ‖ envelope ‖ tag ‖ salt ‖ sealed header. The header is
 * sealed over what stands before it, the body over everything.
 */
export function associatedData(state: SessionState, envelope: Uint8Array, head: Uint8Array): Uint8Array {
  const associated = new Uint8Array(ASSOCIATED_BYTES + envelope.length + HEAD_BYTES);
  associated.set(keyAt(state, AT.associated));
  associated.set(envelope, ASSOCIATED_BYTES);
  associated.set(head, ASSOCIATED_BYTES + envelope.length);
  return associated;
}

/**
 * RatchetEncryptHE. `plaintext` is padded already; `envelope` is associated data. Null when the chain has no number left.
 * `state` stays as it was.
 */
export function sealMessage(
  provider: CryptoProvider,
  state: SessionState,
  plaintext: Uint8Array,
  envelope: Uint8Array,
): SealedMessage | null {
  const number = counterAt(state, AT.sent);
  if (number > LAST_NUMBER) return null;
  const next = state.slice() as SessionState;
  setCounter(next, AT.sent, number + 1);
  const place = number % TAG_BLOCK;
  if (place === 0) next.set(tagRange(provider, keyAt(next, AT.sendingTag), number, TAG_BLOCK), AT.sendingBlock);
  using step = chainStep(provider, keyAt(state, AT.sendingChain));
  next.set(step.reveal().subarray(32), AT.sendingChain);

  const salt = provider.random(SALT_BYTES);
  const tagAt = AT.sendingBlock + place * TAG_BYTES;
  const associated = associatedData(state, envelope, next.subarray(tagAt, tagAt + TAG_BYTES));
  const headAt = ASSOCIATED_BYTES + envelope.length;
  const headerAt = headAt + TAG_BYTES + SALT_BYTES;
  associated.set(salt, headAt + TAG_BYTES);
  const header = encodeHeader({
    ratchetKey: keyAt(state, AT.ownPublic),
    previous: counterAt(state, AT.previous),
    number,
  });
  using forHeader = headerKey(provider, keyAt(state, AT.sendingHeader), salt);
  const sealedHeader = provider.seal(
    'chacha20-poly1305',
    forHeader,
    salt.subarray(0, 12),
    header,
    associated.subarray(0, headerAt),
  );
  associated.set(sealedHeader, headerAt);
  using forBody = bodyKey(provider, step.reveal().subarray(0, 32), salt);
  const secret = forBody.reveal();
  const body = provider.seal('chacha20-poly1305', secret.subarray(0, 32), secret.subarray(32), plaintext, associated);
  return { state: next, head: associated.subarray(headAt), body };
}
