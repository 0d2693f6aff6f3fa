import type { Bytes, PrivateKey, PublicKey } from '@sotto/crypto';
import { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import { encodeFramedContent, WIRE_FORMATS, writeAuthentication } from '../messages/authenticated.ts';
import type { AuthenticatedContent, Authentication, WireFormat } from '../messages/authenticated.ts';
import type { FramedContent } from '../messages/content.ts';
import { MLS10 } from '../messages/key-package.ts';
import type { PublicMessage } from '../messages/message.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { SignatureKind } from '@sotto/crypto';

const LABEL = 'FramedContentTBS';

/** Content signed, without the confirmation tag that a commit gets later. */
export interface SignedContent {
  readonly wireFormat: WireFormat;
  readonly framed: FramedContent;
  readonly framedBytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** FramedContentTBS, RFC 9420 §6.1, in parts; `context` is of the message's epoch. */
function signedParts(
  wireFormat: WireFormat,
  framed: FramedContent,
  framedBytes: Uint8Array,
  context: Uint8Array,
): Uint8Array[] {
  const head = new Writer(4).uint16(MLS10).uint16(WIRE_FORMATS[wireFormat]).finish();
  const { kind } = framed.sender;
  return kind === 'member' || kind === 'new_member_commit' ? [head, framedBytes, context] : [head, framedBytes];
}

export function signContent(
  crypto: SuiteCrypto,
  signer: PrivateKey<SignatureKind>,
  wireFormat: WireFormat,
  framed: FramedContent,
  context: Uint8Array,
): SignedContent {
  const framedBytes = encodeFramedContent(framed);
  const signature = crypto.sign(signer, LABEL, ...signedParts(wireFormat, framed, framedBytes, context));
  return { wireFormat, framed, framedBytes, signature };
}

export function withTag(content: SignedContent, confirmationTag: Uint8Array | null): AuthenticatedContent {
  const { wireFormat, framed, framedBytes, signature } = content;
  return { wireFormat, framed, framedBytes, auth: { signature, confirmationTag } };
}

/** Throws `signature`. */
export function verifyContent(
  crypto: SuiteCrypto,
  verifier: PublicKey<SignatureKind>,
  content: AuthenticatedContent,
  context: Uint8Array,
): void {
  const { wireFormat, framed, framedBytes, auth } = content;
  if (!crypto.verify(verifier, LABEL, auth.signature, ...signedParts(wireFormat, framed, framedBytes, context))) {
    throw new MlsError('signature', 'the signature of a message is not valid');
  }
}

/** AuthenticatedContentTBM's MAC, RFC 9420 §6.2. */
function membershipTag(
  crypto: SuiteCrypto,
  key: Bytes,
  content: AuthenticatedContent,
  context: Uint8Array,
): Uint8Array {
  const auth: Authentication = content.auth;
  const writer = new Writer(160);
  writeAuthentication(writer, auth);
  const parts = signedParts(content.wireFormat, content.framed, content.framedBytes, context);
  return crypto.mac(key, ...parts, writer.finish());
}

/** A PublicMessage; members' messages get the membership tag. */
export function protectPublic(
  crypto: SuiteCrypto,
  content: AuthenticatedContent,
  membershipKey: Bytes,
  context: Uint8Array,
): PublicMessage {
  const isMember = content.framed.sender.kind === 'member';
  return { content, membershipTag: isMember ? membershipTag(crypto, membershipKey, content, context) : null };
}

/** Throws `membership_tag` for a member's message without the right tag, `wire_format` for application data. */
export function requireMembership(
  crypto: SuiteCrypto,
  message: PublicMessage,
  membershipKey: Bytes,
  context: Uint8Array,
): void {
  const { content, membershipTag: tag } = message;
  if (content.framed.content.kind === 'application') {
    throw new MlsError('wire_format', 'application data must be sent as a private message');
  }
  if (content.framed.sender.kind !== 'member') return;
  const expected = membershipTag(crypto, membershipKey, content, context);
  if (tag === null || !crypto.provider.equal(tag, expected)) {
    throw new MlsError('membership_tag', 'the membership tag of a message is not valid');
  }
}
