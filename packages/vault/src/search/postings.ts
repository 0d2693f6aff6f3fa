import { VaultError } from '../error.ts';
import type { ByteWriter } from '../format/bytes.ts';
import { Bitmap } from './bitmap.ts';

/** Which documents of a segment have a word: gaps as varints, or bits where those are shorter. */
export function encodePostings(documents: readonly number[], span: number, writer: ByteWriter): void {
  if (isDense(documents.length, span)) {
    const bits = new Bitmap(span);
    for (const document of documents) bits.add(document);
    writer.raw(bits.bytes());
    return;
  }
  let previous = 0;
  for (const document of documents) {
    writer.varint(document - previous);
    previous = document;
  }
}

/** The documents of one word, ascending. Throws `damaged`. */
export function decodePostings(bytes: Uint8Array, count: number, span: number): number[] {
  const documents: number[] = [];
  if (isDense(count, span)) documents.push(...bitsOf(bytes, span).ascending());
  else eachGap(bytes, count, span, (document) => documents.push(document));
  return documents;
}

/** Adds the documents of one word to `into`. Throws `damaged`. */
export function addPostings(bytes: Uint8Array, count: number, span: number, into: Bitmap): void {
  if (isDense(count, span)) into.addAll(bitsOf(bytes, span));
  else eachGap(bytes, count, span, (document) => into.add(document));
}

function bitsOf(bytes: Uint8Array, span: number): Bitmap {
  const bits = bytes.length * 8 === span ? Bitmap.from(bytes) : null;
  if (bits === null) throw damaged();
  return bits;
}

function eachGap(bytes: Uint8Array, count: number, span: number, see: (document: number) => void): void {
  let at = 0;
  let document = 0;
  for (let i = 0; i < count; i++) {
    let byte = bytes[at++] ?? 0;
    let gap = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 21) throw damaged();
      byte = bytes[at++] ?? 0;
      gap |= (byte & 0x7f) << shift;
    }
    document += gap;
    if (document >= span) throw damaged();
    see(document);
  }
  if (at !== bytes.length) throw damaged();
}

function isDense(count: number, span: number): boolean {
  return count > span / 8;
}

function damaged(): VaultError {
  return new VaultError('damaged', 'a search segment does not parse');
}
