import type { Bytes } from '@sotto/crypto';
import { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import { encodeFramedContent, readAuthentication, writeAuthentication } from '../messages/authenticated.ts';
import type { AuthenticatedContent } from '../messages/authenticated.ts';
import { readContent, writeContent, writeContentKind } from '../messages/content.ts';
import type { FramedContent } from '../messages/content.ts';
import type { PrivateMessage } from '../messages/message.ts';
import { disposeMessageKey } from '../schedule/ratchet.ts';
import type { RatchetKind, SecretTree } from '../schedule/secret-tree.ts';
import type { SuiteCrypto } from '../suite.ts';

const REUSE_GUARD_SIZE = 4;

/** How many zero bytes to add to a content of `length` bytes. */
export type PaddingPolicy = (length: number) => number;

interface SenderData {
  readonly leaf: number;
  readonly generation: number;
  readonly reuseGuard: Uint8Array;
}

/** PrivateMessage, RFC 9420 §6.3; uses up a key of the own ratchet. */
export function protectPrivate(
  crypto: SuiteCrypto,
  content: AuthenticatedContent,
  input: {
    readonly leaf: number;
    readonly tree: SecretTree;
    readonly senderDataSecret: Bytes;
    readonly padding: PaddingPolicy;
  },
): PrivateMessage {
  const { framed } = content;
  const writer = new Writer(content.framedBytes.length + 256);
  writeContent(writer, framed.content);
  writeAuthentication(writer, content.auth);
  const length = writer.finish().length;
  const plaintext = writer.raw(new Uint8Array(input.padding(length))).finish();
  const { generation, key } = input.tree.next(input.leaf, ratchetOf(framed));
  const reuseGuard = crypto.provider.random(REUSE_GUARD_SIZE);
  const ciphertext = crypto.seal(key.key, guarded(key.nonce.reveal(), reuseGuard), plaintext, contentAad(framed));
  disposeMessageKey(key);
  writer.wipe();
  const encryptedSenderData = sealSenderData(crypto, input.senderDataSecret, framed, ciphertext, {
    leaf: input.leaf,
    generation,
    reuseGuard,
  });
  return {
    groupId: framed.groupId,
    epoch: framed.epoch,
    contentKind: framed.content.kind,
    authenticatedData: framed.authenticatedData,
    encryptedSenderData,
    ciphertext,
  };
}

export interface OpenedPrivate {
  readonly content: AuthenticatedContent;
  readonly leaf: number;
  /** To be called when the signature proved right; else `discard`. */
  readonly consume: () => void;
  readonly discard: () => void;
}

/**
 * Decrypts; the signature is still to be verified. Nothing has changed until `consume`. `requireSender` throws for leaves
 * that cannot have sent it. Throws `sender_data`, `decryption`, `padding`, `generation_used`, `generation_too_far`,
 * `malformed`.
 */
export function openPrivate(
  crypto: SuiteCrypto,
  message: PrivateMessage,
  input: {
    readonly tree: SecretTree;
    readonly senderDataSecret: Bytes;
    readonly requireSender: (leaf: number) => void;
  },
): OpenedPrivate {
  const { leaf, generation, reuseGuard } = openSenderData(crypto, input.senderDataSecret, message);
  input.requireSender(leaf);
  const { key, consume, discard } = input.tree.key(leaf, ratchetOf(message), generation);
  try {
    const nonce = guarded(key.nonce.reveal(), reuseGuard);
    const plaintext = crypto.open(key.key, nonce, message.ciphertext, contentAad(message));
    if (plaintext === null) throw new MlsError('decryption', 'a message does not decrypt');
    return { content: readPlaintext(message, leaf, plaintext), leaf, consume, discard };
  } catch (error) {
    discard();
    throw error;
  }
}

function readPlaintext(message: PrivateMessage, leaf: number, plaintext: Uint8Array): AuthenticatedContent {
  const reader = new Reader(plaintext);
  const content = readContent(reader, message.contentKind);
  const auth = readAuthentication(reader, message.contentKind);
  for (const byte of reader.take(reader.remaining)) {
    if (byte !== 0) throw new MlsError('padding', 'the padding of a message is not all zero');
  }
  const { groupId, epoch, authenticatedData } = message;
  const framed: FramedContent = { groupId, epoch, sender: { kind: 'member', leaf }, authenticatedData, content };
  return { wireFormat: 'private_message', framed, framedBytes: encodeFramedContent(framed), auth };
}

/** What both kinds of associated data are made from. */
type Header = Pick<PrivateMessage, 'groupId' | 'epoch' | 'contentKind' | 'authenticatedData'>;

function headerOf(content: FramedContent | PrivateMessage): Header {
  return 'contentKind' in content ? content : { ...content, contentKind: content.content.kind };
}

function ratchetOf(content: FramedContent | PrivateMessage): RatchetKind {
  return headerOf(content).contentKind === 'application' ? 'application' : 'handshake';
}

/** PrivateContentAAD, RFC 9420 §6.3.1. */
function contentAad(content: FramedContent | PrivateMessage): Uint8Array {
  return aad(content).vector(content.authenticatedData).finish();
}

/** SenderDataAAD, RFC 9420 §6.3.2. */
function aad(content: FramedContent | PrivateMessage): Writer {
  const writer = new Writer(96).vector(content.groupId).uint64(content.epoch);
  writeContentKind(writer, headerOf(content).contentKind);
  return writer;
}

function sealSenderData(
  crypto: SuiteCrypto,
  secret: Bytes,
  framed: FramedContent,
  ciphertext: Uint8Array,
  sender: SenderData,
): Uint8Array {
  const plaintext = new Writer(12).uint32(sender.leaf).uint32(sender.generation).raw(sender.reuseGuard).finish();
  const { key, nonce } = senderDataKey(crypto, secret, ciphertext);
  using ownedKey = key;
  using ownedNonce = nonce;
  return crypto.seal(ownedKey, ownedNonce.reveal(), plaintext, aad(framed).finish());
}

function openSenderData(crypto: SuiteCrypto, secret: Bytes, message: PrivateMessage): SenderData {
  const { key, nonce } = senderDataKey(crypto, secret, message.ciphertext);
  using ownedKey = key;
  using ownedNonce = nonce;
  const plaintext = crypto.open(ownedKey, ownedNonce.reveal(), message.encryptedSenderData, aad(message).finish());
  if (plaintext === null) throw new MlsError('sender_data', 'the sender data of a message does not decrypt');
  const reader = new Reader(plaintext);
  const data = { leaf: reader.uint32(), generation: reader.uint32(), reuseGuard: reader.take(REUSE_GUARD_SIZE) };
  reader.end();
  return data;
}

/** RFC 9420 §6.3.2. */
export function senderDataKey(
  crypto: SuiteCrypto,
  secret: Bytes,
  ciphertext: Uint8Array,
): { readonly key: ReturnType<SuiteCrypto['deriveSecret']>; readonly nonce: ReturnType<SuiteCrypto['deriveSecret']> } {
  const sample = ciphertext.subarray(0, crypto.hashSize);
  return {
    key: crypto.expandWithLabel(secret, 'key', sample, crypto.keySize),
    nonce: crypto.expandWithLabel(secret, 'nonce', sample, crypto.nonceSize),
  };
}

/** RFC 9420 §6.3.1: the guard protects against a ratchet that was rolled back. */
function guarded(nonce: Uint8Array, reuseGuard: Uint8Array): Uint8Array {
  return nonce.map((byte, i) => byte ^ (reuseGuard[i] ?? 0));
}
