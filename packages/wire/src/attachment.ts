import { WireError } from './error.ts';
import { parseGatewayAddress } from './gateway-address.ts';
import type { Attachment, SealedBlob } from './gen/sotto/wire/v1/content_pb.ts';
import {
  MAX_ATTACHMENT_BYTES,
  MAX_ATTACHMENTS,
  MAX_CONTENT_TYPE_CHARACTERS,
  MAX_FILE_NAME_BYTES,
  MAX_PIXELS,
  MAX_THUMBNAIL_BYTES,
  MAX_WAVEFORM_BYTES,
} from './limits.ts';
import { safeTime } from './numbers.ts';
import { checkText } from './text.ts';

/** RFC 6838 §4.2, in lower case: type and subtype, no parameters. */
const CONTENT_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/;

/** True for a media type as attachments carry it: lower case, no parameters, at most 127 characters. */
export function isContentType(text: string): boolean {
  return text.length <= MAX_CONTENT_TYPE_CHARACTERS && CONTENT_TYPE.test(text);
}

/** Checks the attachments of a message. Throws `WireError`: `too_large`, `length`, `range`, `text`, `malformed`. */
export function checkAttachments(attachments: readonly Attachment[]): void {
  if (attachments.length > MAX_ATTACHMENTS) throw new WireError('too_large', 'too many attachments');
  attachments.forEach(checkAttachment);
}

function checkAttachment({ blob, contentType, name, thumbnail, media }: Attachment): void {
  if (blob === undefined) throw new WireError('malformed', 'an attachment without a blob');
  checkBlob(blob);
  if (!isContentType(contentType)) throw new WireError('text', 'not a media type');
  checkText(name, MAX_FILE_NAME_BYTES);
  if (thumbnail.length > MAX_THUMBNAIL_BYTES) throw new WireError('too_large', 'the thumbnail is too large');
  if (media.case === 'image' || media.case === 'video') {
    const { width, height } = media.value;
    if (width > MAX_PIXELS || height > MAX_PIXELS) throw new WireError('range', 'a picture larger than any');
  } else if (media.case === 'audio' && media.value.waveform.length > MAX_WAVEFORM_BYTES) {
    throw new WireError('too_large', 'the waveform is too long');
  }
}

function checkBlob({ key, gateway, size, sealedSize, sha256, expiresAt }: SealedBlob): void {
  if (key.length !== 32) throw new WireError('length', 'a key of a blob has 32 bytes');
  if (sha256.length !== 32) throw new WireError('length', 'a hash of a blob has 32 bytes');
  parseGatewayAddress(gateway);
  if (size > BigInt(MAX_ATTACHMENT_BYTES) || sealedSize > 2n * BigInt(MAX_ATTACHMENT_BYTES)) {
    throw new WireError('range', 'an attachment larger than any');
  }
  if (sealedSize <= size) throw new WireError('range', 'a sealed file is larger than the file');
  safeTime(expiresAt * 1000n);
}
