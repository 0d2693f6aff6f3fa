import { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import { readAuthentication, WIRE_FORMATS, writeAuthentication } from './authenticated.ts';
import type { AuthenticatedContent } from './authenticated.ts';
import { readContentKind, readFramedContent, writeContentKind } from './content.ts';
import type { ContentKind } from './content.ts';
import { readGroupInfo, writeGroupInfo } from './group-info.ts';
import type { GroupInfo } from './group-info.ts';
import { MLS10, readKeyPackage, writeKeyPackage } from './key-package.ts';
import type { KeyPackage } from './key-package.ts';
import { readWelcome, writeWelcome } from './welcome.ts';
import type { Welcome } from './welcome.ts';

/** RFC 9420 §6.2. `membershipTag` is present for members, and only for them. */
export interface PublicMessage {
  readonly content: AuthenticatedContent;
  readonly membershipTag: Uint8Array | null;
}

/** RFC 9420 §6.3. */
export interface PrivateMessage {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly contentKind: ContentKind;
  readonly authenticatedData: Uint8Array;
  readonly encryptedSenderData: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** MLSMessage, RFC 9420 §6. */
export type Message =
  | { readonly kind: 'public_message'; readonly message: PublicMessage }
  | { readonly kind: 'private_message'; readonly message: PrivateMessage }
  | { readonly kind: 'welcome'; readonly welcome: Welcome }
  | { readonly kind: 'group_info'; readonly groupInfo: GroupInfo }
  | { readonly kind: 'key_package'; readonly keyPackage: KeyPackage };

export function encodeMessage(message: Message): Uint8Array {
  const writer = new Writer(1024).uint16(MLS10).uint16(WIRE_FORMATS[message.kind]);
  switch (message.kind) {
    case 'public_message':
      writePublicMessage(writer, message.message);
      break;
    case 'private_message':
      writePrivateMessage(writer, message.message);
      break;
    case 'welcome':
      writeWelcome(writer, message.welcome);
      break;
    case 'group_info':
      writeGroupInfo(writer, message.groupInfo);
      break;
    case 'key_package':
      writeKeyPackage(writer, message.keyPackage);
      break;
  }
  return writer.finish();
}

/** All of `bytes`; views into them. Throws `malformed`, `unsupported_version`, and the codes of what is inside. */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new Reader(bytes);
  const message = readMessage(reader);
  reader.end();
  return message;
}

function readMessage(reader: Reader): Message {
  if (reader.uint16() !== MLS10) throw new MlsError('unsupported_version', 'a message is of another protocol version');
  switch (reader.uint16()) {
    case WIRE_FORMATS.public_message:
      return { kind: 'public_message', message: readPublicMessage(reader) };
    case WIRE_FORMATS.private_message:
      return { kind: 'private_message', message: readPrivateMessage(reader) };
    case WIRE_FORMATS.welcome:
      return { kind: 'welcome', welcome: readWelcome(reader) };
    case WIRE_FORMATS.group_info:
      return { kind: 'group_info', groupInfo: readGroupInfo(reader) };
    case WIRE_FORMATS.key_package:
      return { kind: 'key_package', keyPackage: readKeyPackage(reader) };
    default:
      throw new MlsError('malformed', 'a message has an unknown wire format');
  }
}

function writePublicMessage(writer: Writer, { content, membershipTag }: PublicMessage): void {
  writer.raw(content.framedBytes);
  writeAuthentication(writer, content.auth);
  if (membershipTag !== null) writer.vector(membershipTag);
}

function readPublicMessage(reader: Reader): PublicMessage {
  const start = reader.offset;
  const framed = readFramedContent(reader);
  const framedBytes = reader.bytes.subarray(start, reader.offset);
  const auth = readAuthentication(reader, framed.content.kind);
  const membershipTag = framed.sender.kind === 'member' ? reader.vector() : null;
  return { content: { wireFormat: 'public_message', framed, framedBytes, auth }, membershipTag };
}

function writePrivateMessage(writer: Writer, message: PrivateMessage): void {
  writer.vector(message.groupId).uint64(message.epoch);
  writeContentKind(writer, message.contentKind);
  writer.vector(message.authenticatedData).vector(message.encryptedSenderData).vector(message.ciphertext);
}

function readPrivateMessage(reader: Reader): PrivateMessage {
  return {
    groupId: reader.vector(),
    epoch: reader.uint64(),
    contentKind: readContentKind(reader),
    authenticatedData: reader.vector(),
    encryptedSenderData: reader.vector(),
    ciphertext: reader.vector(),
  };
}
