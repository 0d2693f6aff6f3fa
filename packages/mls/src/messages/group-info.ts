import type { PrivateKey, PublicKey } from '@sotto/crypto';
import { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { SignatureKind } from '@sotto/crypto';
import { readExtensions, writeExtensions } from './extension.ts';
import type { Extension } from './extension.ts';
import { readGroupContext, writeGroupContext } from './group-context.ts';
import type { GroupContext } from './group-context.ts';

const LABEL = 'GroupInfoTBS';

/** What someone outside needs to join, RFC 9420 §12.4.3. */
export interface GroupInfo {
  readonly context: GroupContext;
  readonly extensions: readonly Extension[];
  readonly confirmationTag: Uint8Array;
  readonly signer: number;
  readonly signature: Uint8Array;
  readonly bytes: Uint8Array;
  /** bytes before the signature */
  readonly signedLength: number;
}

export function readGroupInfo(reader: Reader): GroupInfo {
  const start = reader.offset;
  const context = readGroupContext(reader);
  const extensions = readExtensions(reader);
  const confirmationTag = reader.vector();
  const signer = reader.uint32();
  const signedLength = reader.offset - start;
  const signature = reader.vector();
  const bytes = reader.bytes.subarray(start, reader.offset);
  return { context, extensions, confirmationTag, signer, signature, bytes, signedLength };
}

export function writeGroupInfo(writer: Writer, info: GroupInfo): void {
  writer.raw(info.bytes);
}

export function signGroupInfo(
  crypto: SuiteCrypto,
  own: PrivateKey<SignatureKind>,
  fields: Pick<GroupInfo, 'context' | 'extensions' | 'confirmationTag' | 'signer'>,
): GroupInfo {
  const writer = new Writer(1024);
  writeGroupContext(writer, fields.context);
  writeExtensions(writer, fields.extensions);
  writer.vector(fields.confirmationTag).uint32(fields.signer);
  const content = writer.finish();
  const signature = crypto.sign(own, LABEL, content);
  const bytes = new Writer(content.length + 72).raw(content).vector(signature).finish();
  return { ...fields, signature, bytes, signedLength: content.length };
}

/** Throws `group_info_signature`. */
export function verifyGroupInfo(crypto: SuiteCrypto, signer: PublicKey<SignatureKind>, info: GroupInfo): void {
  if (!crypto.verify(signer, LABEL, info.signature, info.bytes.subarray(0, info.signedLength))) {
    throw new MlsError('group_info_signature', 'the signature of a group info is not valid');
  }
}

export function decodeGroupInfo(bytes: Uint8Array): GroupInfo {
  const reader = new Reader(bytes);
  const info = readGroupInfo(reader);
  reader.end();
  return info;
}
