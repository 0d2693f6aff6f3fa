import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from '@sotto/wire';
import { malformed, Refused } from '../refused.ts';

const ID_BYTES = 32;

/** `/v1/blobs/` and the BlobId, base64url without padding. */
export const BLOB_PATH = '/v1/blobs/';

/** Base64url of 32 bytes, in its one form. Throws `Refused` `MALFORMED`. */
export function readBlobId(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== ID_BYTES || bytes.toString('base64url') !== text) throw malformed('not a blob id');
  return bytes;
}

/** What a caller shows: the secret that fetches a blob, or the one that writes and removes it. */
export type BlobRight = { readonly kind: 'fetch' | 'own'; readonly secret: Uint8Array };

/** From `authorization: Blob …` or `authorization: BlobOwner …`. Throws `Refused`: `FORBIDDEN`, `MALFORMED`. */
export function readRight({ authorization }: IncomingHttpHeaders): BlobRight {
  const [, scheme, text = ''] = /^(Blob|BlobOwner|Bearer) ([\w.-]+)$/.exec(authorization ?? '') ?? [];
  // Who fetches a blob must stay unknown; a client that mixes the connections up gives its user away, so it is told.
  if (scheme === 'Bearer') throw new Refused(Refusal.FORBIDDEN, 'blobs move on connections that never log in');
  if (scheme === undefined) throw malformed('the secret of the blob is missing');
  return { kind: scheme === 'Blob' ? 'fetch' : 'own', secret: readBlobId(text) };
}

/** A whole number in a header. Throws `Refused` `MALFORMED`. */
export function readCount(headers: IncomingHttpHeaders, name: string): number {
  const text = headers[name];
  const value = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) throw malformed(`${name} is a whole number of bytes`);
  return value;
}

export interface ByteRange {
  readonly first: number;
  /** The last byte, included. */
  readonly last: number;
  readonly partial: boolean;
}

/** One range of RFC 9110 §14.1.2, `bytes=a-` or `bytes=a-b`; none: all of it. Throws `Refused`: `RANGE`, `MALFORMED`. */
export function readRange({ range }: IncomingHttpHeaders, length: number): ByteRange {
  if (range === undefined) return { first: 0, last: length - 1, partial: false };
  const match = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(range);
  if (match === null) throw malformed('the range reads bytes=first-last');
  const first = Number(match[1]);
  const last = match[2] === '' ? length - 1 : Math.min(Number(match[2]), length - 1);
  if (first > last) throw new Refused(Refusal.RANGE, 'the blob has no such bytes');
  return { first, last, partial: true };
}
