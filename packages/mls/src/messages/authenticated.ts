import { Reader } from '../codec/reader.ts';
import { encode, Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import { readFramedContent, writeFramedContent } from './content.ts';
import type { ContentKind, FramedContent } from './content.ts';

export type WireFormat = 'public_message' | 'private_message';

/** RFC 9420 §6. */
export const WIRE_FORMATS = {
  public_message: 1,
  private_message: 2,
  welcome: 3,
  group_info: 4,
  key_package: 5,
} as const;

/** FramedContentAuthData, RFC 9420 §6.1. The confirmation tag is a commit's. */
export interface Authentication {
  readonly signature: Uint8Array;
  readonly confirmationTag: Uint8Array | null;
}

/** AuthenticatedContent, RFC 9420 §6. */
export interface AuthenticatedContent {
  readonly wireFormat: WireFormat;
  readonly framed: FramedContent;
  /** The encoding of `framed`: what is signed and hashed. */
  readonly framedBytes: Uint8Array;
  readonly auth: Authentication;
}

export function writeAuthentication(writer: Writer, auth: Authentication): void {
  writer.vector(auth.signature);
  if (auth.confirmationTag !== null) writer.vector(auth.confirmationTag);
}

export function readAuthentication(reader: Reader, kind: ContentKind): Authentication {
  return { signature: reader.vector(), confirmationTag: kind === 'commit' ? reader.vector() : null };
}

export function encodeFramedContent(framed: FramedContent): Uint8Array {
  return encode(framed, writeFramedContent, 512);
}

export function encodeAuthenticatedContent(content: AuthenticatedContent): Uint8Array {
  const writer = new Writer(content.framedBytes.length + 128);
  writer.uint16(WIRE_FORMATS[content.wireFormat]).raw(content.framedBytes);
  writeAuthentication(writer, content.auth);
  return writer.finish();
}

export function readAuthenticatedContent(reader: Reader): AuthenticatedContent {
  const format = reader.uint16();
  if (format !== WIRE_FORMATS.public_message && format !== WIRE_FORMATS.private_message) {
    throw new MlsError('malformed', 'content has an unknown wire format');
  }
  const start = reader.offset;
  const framed = readFramedContent(reader);
  const framedBytes = reader.bytes.subarray(start, reader.offset);
  return {
    wireFormat: format === WIRE_FORMATS.public_message ? 'public_message' : 'private_message',
    framed,
    framedBytes,
    auth: readAuthentication(reader, framed.content.kind),
  };
}

export function decodeAuthenticatedContent(bytes: Uint8Array): AuthenticatedContent {
  const reader = new Reader(bytes);
  const content = readAuthenticatedContent(reader);
  reader.end();
  return content;
}
